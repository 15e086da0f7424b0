import { add, broadcastTo, mean, mul, reshape, square, sum, tensor, where, type Tensor } from '@sparseflow/tensor';
import type { Leaves } from '../rungeKutta.ts';
import type { Solver } from '../solver.ts';
import { scaled, type Scale } from '../tolerances.ts';

/** By stage, a weight for every row; undefined where all are 0. */
type RowWeights = (stage: number) => readonly number[] | undefined;

/** A number for each row, in the shape that multiplies a leaf. */
function column(values: readonly number[], { backend, dtype, shape: [batch, ...rest] }: Tensor): Tensor {
  return reshape(rowTensor(values, backend, dtype), [batch!, ...rest.map(() => 1)]);
}

function rowTensor(values: readonly number[], backend: Tensor['backend'], dtype: Tensor['dtype']): Tensor {
  return tensor(Float64Array.from(values), { backend, shape: [values.length], dtype });
}

/** The rows' own times, as the field sees them. */
export function timesOf(times: readonly number[], { backend, dtype }: Tensor): Tensor {
  return rowTensor(times, backend, dtype);
}

/** y + Σ weights · ks, where each stage has a weight for every row. */
export function advanceRows(y: Leaves, ks: readonly Leaves[], weights: RowWeights): Tensor[] {
  return y.map((leaf, j) =>
    ks.reduce((total, k, i) => {
      const w = weights(i);
      return w ? add(total, mul(column(w, leaf), k[j]!)) : total;
    }, leaf),
  );
}

/** Rows of `a` where `mask` holds, of `b` elsewhere. */
export function selectRows(mask: readonly boolean[], a: Leaves, b: Leaves): Tensor[] {
  return a.map((leaf, j) => where(broadcastTo(column(mask.map(Number), leaf), leaf.shape), leaf, b[j]!));
}

/** By row, the mean square over all its elements of a quantity over its tolerances. */
export function rowNorms(quantity: Leaves, a: Leaves, b: Leaves, scale: Scale): Tensor {
  const batch = quantity[0]!.shape[0]!;
  const elements = quantity.reduce((n, leaf) => n + leaf.size / batch, 0);
  const squares = quantity.map((q, j) => {
    const flat = reshape(square(scaled(j, q, a[j]!, b[j]!, scale)), [batch, q.size / batch]);
    return mul(mean(flat, 1), q.size / batch / elements);
  });
  return squares.reduce((x, y) => add(x, y));
}

/** By leaf, the inner products of its rows. */
export function rowDots(a: Leaves, b: Leaves): Tensor[] {
  return a.map((leaf, j) => {
    const rest = leaf.shape.slice(1).map((_, axis) => axis + 1);
    return sum(mul(leaf, b[j]!), rest);
  });
}

/** The field on the leaves of a batch, each row at its own time. */
export type RowField = (t: readonly number[], y: Leaves) => Leaves;

/** The stages of a step whose length differs by row; `k1` where it is known. The last stage is at the step's end where the method has it. */
export function rowStages(
  solver: Solver,
  field: RowField,
  y: Leaves,
  ts: readonly number[],
  dts: readonly number[],
  k1?: Leaves,
): { ks: Leaves[]; y1: Tensor[] } {
  const { a, b, c, fsal } = solver;
  const at = (fraction: number): number[] => ts.map((t, i) => t + fraction * dts[i]!);
  const ks: Leaves[] = [k1 ?? field(ts, y)];
  const inner = fsal ? c.length - 1 : c.length;
  for (let s = 1; s < inner; s++) ks.push(field(at(c[s]!), advanceRows(y, ks, stepWeights(dts, a[s]!))));
  const y1 = advanceRows(y, ks, stepWeights(dts, b));
  if (fsal) ks.push(field(at(1), y1));
  return { ks, y1 };
}

/** The weights of a step, or of its error, times each row's length. */
export function stepWeights(dts: readonly number[], weights: readonly number[]): RowWeights {
  return (stage) => {
    const w = weights[stage] ?? 0;
    return w === 0 ? undefined : dts.map((dt) => w * dt);
  };
}
