import { readFileSync } from 'node:fs';
import {
  add,
  matMul,
  mean,
  square,
  sub,
  tanh,
  tensor,
  type Backend,
  type Masks,
  type Params,
  type Tensor,
} from '@sparseflow/tensor';

export interface HessianCase {
  readonly tag: string;
  readonly params: (number[] | number[][])[];
  readonly loss: number;
  readonly grad: number[];
  readonly n_params: number;
  readonly n_nonzero: number;
  readonly hessian: number[][] | null;
  readonly eigenvalues: number[];
  readonly trace: number;
  readonly eigenvalues_nonzero_subspace: number[];
  readonly trace_nonzero_subspace: number;
  readonly pyhessian_top3: number[];
  readonly sparsehessian_top3: number[];
}

/** Second derivatives of a small network by PyTorch in float64, and PyHessian's estimates of them. */
export const fixture = JSON.parse(readFileSync(new URL('./fixtures/hessian.json', import.meta.url), 'utf8')) as {
  x: number[][];
  y: number[][];
  cases: HessianCase[];
};

export interface Batch {
  readonly x: Tensor;
  readonly y: Tensor;
}

export function paramsOf({ params }: HessianCase, backend: Backend): Params {
  return Object.fromEntries(
    ['w1', 'b1', 'w2', 'b2', 'w3', 'b3'].map((name, i) => [name, tensor(params[i]!, { backend })]),
  );
}

/** 1 where a parameter is not zero. */
export function masksOf({ params }: HessianCase, backend: Backend): Masks {
  const one = (value: number | number[]): number | number[] =>
    typeof value === 'number' ? Number(value !== 0) : value.map((v) => Number(v !== 0));
  return Object.fromEntries(
    ['w1', 'b1', 'w2', 'b2', 'w3', 'b3'].map((name, i) => [name, tensor(params[i]!.map(one) as number[], { backend })]),
  );
}

export function batchOf(backend: Backend, from = 0, to = fixture.x.length): Batch {
  return { x: tensor(fixture.x.slice(from, to), { backend }), y: tensor(fixture.y.slice(from, to), { backend }) };
}

export function outputs(p: Params, { x }: Batch): Tensor {
  const layer = (h: Tensor, i: number): Tensor => add(matMul(h, p[`w${i}`]!, { transposeB: true }), p[`b${i}`]!);
  return layer(tanh(layer(tanh(layer(x, 1)), 2)), 3);
}

export function meanSquaredError(p: Params, batch: Batch): Tensor {
  return mean(square(sub(outputs(p, batch), batch.y)));
}
