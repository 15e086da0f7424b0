import { scope } from '@sparseflow/tensor';
import type { Leaves } from '../rungeKutta.ts';
import { denseWeights, type Solver } from '../solver.ts';
import { advanceRows, rowStages, type RowField } from './rows.ts';

/** A step of a batch as it was taken. */
export interface BatchStep {
  /** By row: where it starts, and its length, 0 for rows that stood still. */
  readonly ts: readonly number[];
  readonly dts: readonly number[];
  /** By row: how far into the step the row ends; undefined where it goes on. */
  readonly thetas: readonly (number | undefined)[];
}

/** Takes the steps of all rows again, by differentiable operations. */
export function replayBatch(solver: Solver, field: RowField, y0: Leaves, steps: readonly BatchStep[]): Leaves {
  let y = y0;
  for (const { ts, dts, thetas } of steps) {
    const start = y;
    y = scope(() => {
      const { ks, y1 } = rowStages(solver, field, start, ts, dts);
      if (thetas.every((theta) => theta === undefined)) return y1;
      const weights = thetas.map((theta) => (theta === undefined ? solver.b : denseWeights(solver, theta)));
      return advanceRows(start, ks, (stage) => dts.map((dt, i) => dt * weights[i]![stage]!));
    });
  }
  return y;
}
