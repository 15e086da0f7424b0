import {
  add,
  cast,
  concat,
  linearCombination,
  matMul,
  reshape,
  scope,
  slice,
  sub,
  tensor,
  type Tensor,
} from '@sparseflow/tensor';
import { advance, type LeafField, type Leaves } from '../rungeKutta.ts';
import type { ImplicitSolver } from './kvaerno4.ts';
import { factorize, inverseOf } from './lu.ts';
import { stageMatrix, type StiffStep } from './solveImplicit.ts';

/** What a replay needs of the problem besides the field. */
export interface StiffReplay {
  readonly solver: ImplicitSolver;
  readonly steps: readonly StiffStep[];
  /** Numbers as the leaves of a state. */
  readonly upload: (values: Float64Array) => Leaves;
  readonly jacobian: (t: number, y: Float64Array) => Float64Array;
}

/**
 * Takes the steps of an implicit solve again so that they can be differentiated once. A stage k = f(base + dt γ k) is one Newton step
 * from its known value, with the exact Jacobian as a constant matrix: that changes nothing, and has the derivative which the
 * implicit function theorem gives, (I - dt γ J)⁻¹ times that of f. Newton's iterations are not differentiated.
 */
export function replayStiff(field: LeafField, y0: Leaves, { solver, steps, upload, jacobian }: StiffReplay): Leaves {
  const { a, c, gamma } = solver;
  let y = y0;
  let k1: Leaves | undefined;
  for (const { t, dt, y: known, ks: values } of steps) {
    const [start, first] = [y, k1];
    const done = scope(() => {
      const ks: Leaves[] = [first ?? field(t, start)];
      let z: Leaves = start;
      for (let s = 1; s < c.length; s++) {
        const time = t + c[s]! * dt;
        const base = advance(start, ks, a[s]!.slice(0, s), dt);
        const at = known.map((v, j) => v + dt * a[s]!.reduce((sum, w, m) => sum + w * values[m]![j]!, 0));
        const k = upload(values[s]!);
        const residual = field(time, advance(base, [k], [gamma], dt)).map((f, j) => sub(f, k[j]!));
        const n = at.length;
        const lu = stageMatrix(jacobian(time, at), dt * gamma, n);
        const pivots = factorize(lu, n);
        // It was regular when the step was taken, with a Jacobian from nearby.
        const change = pivots ? multiply(inverseOf(lu, pivots, n), residual) : residual;
        ks.push(k.map((leaf, j) => add(leaf, change[j]!)));
        z = advance(base, [ks[s]!], [gamma], dt);
      }
      return { z, last: ks[ks.length - 1]! };
    });
    [y, k1] = [done.z, done.last];
  }
  return y;
}

/** A constant matrix times the vector of all leaves. */
function multiply(matrix: Float64Array, leaves: Leaves): Tensor[] {
  const { backend, dtype } = leaves[0]!;
  const vector = concat(leaves.map((leaf) => cast(reshape(leaf, [leaf.size]), dtype)), 0); // prettier-ignore
  const n = vector.size;
  const product = reshape(matMul(tensor(matrix, { backend, dtype, shape: [n, n] }), reshape(vector, [n, 1])), [n]);
  let from = 0;
  return leaves.map((leaf) => {
    const part = slice(product, [from], [leaf.size]);
    from += leaf.size;
    return linearCombination([cast(reshape(part, leaf.shape), leaf.dtype)], [1]);
  });
}
