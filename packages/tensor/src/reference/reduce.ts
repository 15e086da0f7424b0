import type { ReduceOp } from '../backend.ts';
import { allocate } from '../dtype.ts';
import type { TypedArray } from '../dtype.ts';
import { sizeOf, stridesOf } from '../shape.ts';
import type { Shape } from '../shape.ts';
import { forEachRun } from './runs.ts';
import type { Dense } from './runs.ts';

const identities: Readonly<Record<ReduceOp, number>> = { sum: 0, max: -Infinity, min: Infinity };

/**
 * Reduces `axes` away. Sums are plain (not pairwise): elements are added one by one in row-major order, in double precision, so the
 * error is at most n·1.1e-16 relative to Σ|x| and a float32 sum is correctly rounded in practice. NaN propagates through max and min.
 */
export function reduce(op: ReduceOp, x: Dense, axes: readonly number[], outShape: Shape): TypedArray {
  const totals = new Float64Array(sizeOf(outShape)).fill(identities[op]);
  const keptStrides = stridesOf(outShape);
  let kept = 0;
  const strides = x.shape.map((_, axis) => (axes.includes(axis) ? 0 : keptStrides[kept++]!));
  const { values } = x;
  forEachRun(x.shape, [stridesOf(x.shape), strides], [0, 0], ([from, to], length, [step, outStep]) => {
    if (outStep === 0) totals[to!] = fold(op, totals[to!]!, values, from!, step!, length);
    else combine(op, totals, to!, outStep!, values, from!, step!, length);
  });
  if (x.dtype === 'float64') return totals;
  const out = allocate(x.dtype, totals.length);
  out.set(totals);
  return out;
}

/** Folds a run into one total. Math.max and Math.min propagate NaN. */
function fold(op: ReduceOp, total: number, x: TypedArray, from: number, step: number, length: number): number {
  for (let i = 0, at = from; i < length; i++, at += step) {
    const v = x[at]!;
    if (op === 'sum') total += v;
    else if (op === 'max') total = Math.max(total, v);
    else total = Math.min(total, v);
  }
  return total;
}

/** Folds each element of a run into a total of its own. */
function combine(
  op: ReduceOp,
  totals: Float64Array,
  to: number,
  outStep: number,
  x: TypedArray,
  from: number,
  step: number,
  length: number,
): void {
  for (let i = 0; i < length; i++, to += outStep, from += step) {
    const v = x[from]!;
    if (op === 'sum') totals[to]! += v;
    else if (op === 'max') totals[to] = Math.max(totals[to]!, v);
    else totals[to] = Math.min(totals[to]!, v);
  }
}
