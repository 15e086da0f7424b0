import { concat, matMul, mul, neg, reshape, scope, slice, sub, tensor, type Tensor } from '@sparseflow/tensor';
import { createReferenceBackend } from '@sparseflow/tensor/reference';
import type { VectorField } from '../src/index.ts';

/** Float64, so that thresholds need no allowance for rounding. */
export const backend = createReferenceBackend();

export const at = (values: number | number[] | number[][]): Tensor => tensor(values, { backend });
export const read = (x: Tensor): number[] => Array.from(x.dataSync());

export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let largest = a.length === b.length ? 0 : Infinity;
  for (let i = 0; i < a.length; i++) {
    const d = Math.abs(a[i]! - b[i]!);
    if (!(d <= largest)) largest = d; // NaN becomes the result
  }
  return largest;
}

/** dy/dt = -y, until it has been evaluated as often as `allow` said last; without limit at first. */
export function breakableField(): { field: (t: number, y: Tensor) => Tensor; allow: (calls: number) => void } {
  let left = Infinity;
  return {
    field(_t, y) {
      if (--left < 0) throw new Error('field failed');
      return neg(y);
    },
    allow(calls) {
      left = calls;
    },
  };
}

type None = Readonly<Record<string, never>>;

interface Problem {
  readonly plain: (t: number, y: ArrayLike<number>) => number[];
  readonly field: VectorField<Tensor, None>;
}

const matrix = [
  [-0.1, 2],
  [-2, -0.1],
];
const matrixTensor = at(matrix);
const spiral: Problem = {
  plain: (_, y) => matrix.map(([a, b]) => a! * y[0]! + b! * y[1]!),
  field: (_, y) => scope(() => reshape(matMul(matrixTensor, reshape(y, [2, 1])), [2])),
};

/** The problems of the torchdiffeq fixture, for plain arrays and for tensors. */
export const problems: Readonly<Record<string, Problem>> = {
  exp_decay: {
    plain: (_, y) => Array.from(y, (v) => -0.7 * v),
    field: (_, y) => mul(y, -0.7),
  },
  linear_spiral: spiral,
  lotka_volterra: {
    plain: (_, y) => [1.5 * y[0]! - y[0]! * y[1]!, -3 * y[1]! + y[0]! * y[1]!],
    field: (_, state) =>
      scope(() => {
        const [x, y] = [slice(state, [0], [1]), slice(state, [1], [1])];
        const met = mul(x, y);
        return concat([sub(mul(x, 1.5), met), sub(met, mul(y, 3))], 0);
      }),
  },
  reverse_time_spiral: spiral,
};
