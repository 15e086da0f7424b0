import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished, test } from 'vitest';

const beside = fileURLToPath(new URL('../../../../shared/data', import.meta.url));
const candidate = process.env['SPARSEFLOW_DATA'] ?? beside;

const present = existsSync(join(candidate, 'golden_preprocessing.json'));
if (!present) {
  process.stderr.write(
    `not run: tests on real rows, because ${candidate} is not there; SPARSEFLOW_DATA names another folder\n`,
  );
}

/** What numpy computes on the real data: each file holds some of these. */
export interface Golden {
  readonly rows: readonly number[];
  readonly mu: readonly number[];
  readonly sigma: readonly number[];
  readonly train_first: readonly number[];
  readonly test_last: readonly number[];
  readonly train_first2: readonly (readonly number[])[];
  readonly val_first: readonly number[];
  readonly removed_columns: readonly number[];
  readonly std: readonly number[];
  readonly mean_abs_max: number;
  readonly gaussian_test_ll: number;
  readonly gaussian_train_ll: number;
}

/**
 * A test on real data: those that `SPARSEFLOW_DATA` names, or ../shared/data beside the repository. Where there are none a line says so
 * and it is not registered; every set has tests on files of their own, too.
 */
export function testOnRealData(name: string, run: (dataDir: string, golden: (set: string) => Golden) => Promise<void>) {
  if (!present) return;
  const golden = JSON.parse(readFileSync(join(candidate, 'golden_preprocessing.json'), 'utf8'));
  test(`real rows: ${name}`, () => run(candidate, (set) => golden[set]));
}

/** A folder that is removed after the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'datasets-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}
