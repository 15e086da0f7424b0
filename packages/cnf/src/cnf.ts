import type { Params, Tensor } from '@sparseflow/tensor';
import { checkContext, flow, type Flow } from './flow.ts';
import type { Field } from './field.ts';
import { continuous, type ContinuousOptions } from './transforms/continuous.ts';
import type { CallOptions } from './transforms/transform.ts';

/** A continuous normalizing flow of a single block. Make one with `cnf`. */
export interface Cnf extends Flow {
  readonly field: Field;
  /**
   * Positions at `times` (monotone, within [t0, t1], or [0, 1] if the end time is trained) of samples that start as data at the first,
   * or as noise when times fall.
   */
  trajectory(
    params: Params,
    z: Tensor,
    times: readonly number[],
    options?: Pick<CallOptions, 'signal' | 'context'>,
  ): Promise<readonly Tensor[]>;
  /** The same flow with other numbers of units. */
  resize?(sizes: Readonly<Record<string, number>>): Cnf;
}

/**
 * A continuous normalizing flow (FFJORD; Grathwohl et al. 2019): dz/dt = f(t, z) carries data at t0 to standard normal noise at
 * t1, and the log density changes by the integral of f's divergence.
 *
 * Every method throws {ShapeError} when its input is not [batch, dim], {ValueError} for a context that the field does not take, and the
 * solver's typed errors when the state stops being finite or the step size underflows.
 *
 * @example
 * ```ts
 * import { cnf, hutchinson, mlp } from '@sparseflow/cnf';
 * import { key, tensor } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 *
 * const backend = createReferenceBackend();
 * const flow = cnf({ field: mlp({ dim: 2, hidden: [16], activation: 'tanh' }) });
 * const params = flow.init(key(0), { backend });
 * const x = tensor([[0.5, -1], [1, 2]], { backend });
 *
 * const logProb = await flow.logProb(params, x); // exact trace
 * const { loss, grads } = await flow.lossAndGrad(params, x, { divergence: hutchinson(), key: key(1) });
 * const samples = await flow.sample(params, 100, { key: key(2), backend });
 * console.log(logProb.shape, loss.shape, Object.keys(grads).length, samples.shape);
 * ```
 */
export function cnf(options: ContinuousOptions): Cnf {
  const { field } = options;
  const block = continuous(options);
  const { resize: _, ...density } = flow(block);
  return {
    ...density,
    field,
    trajectory: async (params, z, times, call) => block.trajectory(params, z, times, checkContext(block, call)),
    ...(field.resize && { resize: (sizes) => cnf({ ...options, field: field.resize!(sizes) }) }),
  };
}
