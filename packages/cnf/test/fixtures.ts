import { readFileSync } from 'node:fs';
import { tensor, type ActivationName, type Backend, type Params, type Tensor } from '@sparseflow/tensor';

interface Layer {
  readonly w: number[][];
  readonly b: number[];
}

/** One network evaluated by the original implementation (torchdyn's CNF with torchprune's loss), in float64. */
export interface CnfCase {
  readonly activation: ActivationName;
  readonly dims: number[];
  readonly weights: Layer[];
  readonly x: number[][];
  readonly noise: number[][];
  readonly f_at_x: number[][];
  readonly trace_at_x: number[];
  readonly hutch_at_x: number[];
  readonly inverse_from_noise_as_z1: { readonly x: number[][]; readonly out0: number[] };
  readonly runs: {
    readonly trace: 'exact' | 'hutchinson';
    readonly mode: 'autograd' | 'adjoint';
    readonly tol: number;
    readonly nfe_forward: number;
    readonly nfe_backward: number;
    readonly z1: number[][];
    readonly logp: number[];
    readonly nll: number;
    readonly grads: Layer[];
  }[];
}

export const cases = (
  JSON.parse(readFileSync(new URL('./fixtures/cnf.json', import.meta.url), 'utf8')) as { cases: CnfCase[] }
).cases;

export function paramsOf(layers: readonly Layer[], backend: Backend): Params {
  const entries = layers.flatMap(({ w, b }, i) => [
    [`layers.${i}.weight`, tensor(w, { backend })] as const,
    [`layers.${i}.bias`, tensor(b, { backend })] as const,
  ]);
  return Object.fromEntries(entries);
}

/** Largest absolute difference; the lengths must agree. */
export function maxDifference(x: Tensor, expected: readonly number[] | readonly (readonly number[])[]): number {
  const values = x.dataSync();
  const flat = expected.flat();
  if (values.length !== flat.length) throw new Error(`${values.length} values, expected ${flat.length}`);
  return flat.reduce((worst, e, i) => Math.max(worst, Math.abs(e - values[i]!)), 0);
}
