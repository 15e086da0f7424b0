import { abs, affine, mean, mul, ones, scope, sqrt, square, sub, sum, vjp } from '@sparseflow/tensor';
import type { Tensor } from '@sparseflow/tensor';
import { exact } from '../divergence/exact.ts';
import { dualPass } from '../field.ts';
import type { Evaluated, Regulariser } from './regulariser.ts';

/** The root mean square of each row, with a derivative at zero. */
function rms(squares: Tensor, axes: number | readonly number[]): Tensor {
  return sqrt(affine(mean(squares, axes), 1, 1e-30));
}

/**
 * ∂fᵢ/∂zₖ at [k, batch, i], and its diagonal [k, batch]: the divergence's own tangents where it is exact, else of one more dual pass with a
 * probe per dimension.
 */
function jacobianOf(at: Evaluated): { readonly whole: Tensor; readonly diagonal: Tensor } {
  const { params, t, z, context, divergence } = at;
  // A trace that is taken elsewhere comes with a dual pass of its own.
  const { probeDim, dual: _, ...plain } = at.field;
  const shared = divergence.name === 'exact' && probeDim === undefined;
  const probes = shared ? at.probes : exact().probes(z.shape[0]!, plain.dim, undefined, z);
  const field = probeDim === undefined ? at.field : plain;
  const whole = shared ? at.dual.tangent : dualPass(field, params, t, z, probes, context).tangent;
  return { whole, diagonal: sum(mul(whole, probes), 2) };
}

/** FFJORD's `l1int`: ∫ mean |f| dt, over dimensions. */
export function l1int(weight: number): Regulariser {
  return { name: 'l1int', weight, valueOnly: true, rate: ({ dual }) => mean(abs(dual.value), 1) };
}

/** FFJORD's `l2int`: ∫ rms(f) dt, over dimensions. */
export function l2int(weight: number): Regulariser {
  return { name: 'l2int', weight, valueOnly: true, rate: ({ dual }) => rms(square(dual.value), 1) };
}

/** FFJORD's `dl2int`: ∫ rms((∂f/∂z)ᵀ f) dt, how f changes along itself; one reverse pass more. */
export function dl2int(weight: number): Regulariser {
  return {
    name: 'dl2int',
    weight,
    valueOnly: true,
    rate: ({ field, params, t, z, context, dual }) =>
      scope(() => {
        const { pullback } = vjp((x: Tensor) => field.apply(params, t, x, context), z);
        return rms(square(pullback(dual.value)), 1);
      }),
  };
}

/** FFJORD's `JFrobint`: ∫ rms of all entries of ∂f/∂z dt. It needs the whole Jacobian, as many tangents as dimensions. */
export function JFrobint(weight: number): Regulariser {
  return { name: 'JFrobint', weight, rate: (at) => scope(() => rms(square(jacobianOf(at).whole), [0, 2])) };
}

/** FFJORD's `JdiagFrobint`: ∫ rms of the diagonal of ∂f/∂z dt. It needs the whole Jacobian. */
export function JdiagFrobint(weight: number): Regulariser {
  return { name: 'JdiagFrobint', weight, rate: (at) => scope(() => rms(square(jacobianOf(at).diagonal), 0)) };
}

/** FFJORD's `JoffdiagFrobint`: ∫ mean square off the diagonal of ∂f/∂z dt, without a root as in the original. It needs the whole Jacobian. */
export function JoffdiagFrobint(weight: number): Regulariser {
  return {
    name: 'JoffdiagFrobint',
    weight,
    rate: (at) =>
      scope(() => {
        const { whole, diagonal } = jacobianOf(at);
        const { dim } = at.field;
        const off = sub(sum(square(whole), [0, 2]), sum(square(diagonal), 0));
        return mul(off, 1 / Math.max(1, dim * (dim - 1)));
      }),
  };
}

/** FFJORD's `time_penalty`: the end time itself, where it is trained; all blocks add theirs. */
export function timePenalty(weight: number): Regulariser {
  return { name: 'time_penalty', weight, valueOnly: true, rate: ({ z }) => ones([z.shape[0]!], z) };
}
