import { readFileSync } from 'node:fs';
import { key } from '@sparseflow/tensor';
import { expect } from 'vitest';
import { readRows, type RowDataset } from '../src/rows/rows.ts';
import { asFloat32 } from './files.ts';

/** A small table, and what numpy makes of it. */
export interface PreparedFixture {
  readonly raw: number[][];
  readonly kept: number[];
  readonly train_lines: number[][];
  readonly test_lines: number[][];
  readonly half_noise: number[][];
  readonly mean: number[];
  readonly std: number[];
  readonly train: number[][];
  readonly validation: number[][];
  readonly test: number[][];
}

/** Of test/fixtures/preprocessing.json. */
export function preparedFixture(name: string): PreparedFixture {
  return JSON.parse(readFileSync(new URL('fixtures/preprocessing.json', import.meta.url), 'utf8'))[name];
}

/**
 * Compares all rows and the scaling with numpy's. Sums may be in another order than numpy's: each of n rounds to half a unit in the last
 * place, so that 1e-13 is generous for a hundred numbers of one magnitude; rows are then equal up to one rounding to float32.
 */
export async function expectSplits(data: RowDataset, expected: PreparedFixture): Promise<void> {
  for (const what of ['mean', 'std'] as const) {
    expected[what].forEach((value, j) =>
      expect(Math.abs(data.scaling![what][j]! - value)).toBeLessThanOrEqual(1e-13 * (1 + Math.abs(value))),
    );
  }
  for (const split of ['train', 'validation', 'test'] as const) {
    const { points, count } = await readRows(data[split], key(0));
    expect(count).toBe(expected[split].length);
    const rows = asFloat32(expected[split].flat());
    points.forEach((x, k) => expect(Math.abs(x - rows[k]!)).toBeLessThanOrEqual(2 ** -23 * Math.abs(rows[k]!)));
  }
}
