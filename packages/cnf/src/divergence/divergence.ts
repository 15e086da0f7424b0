import { rowDots, type CreateOptions, type Key, type Tensor } from '@sparseflow/tensor';
import type { Dual } from '../field.ts';

/**
 * A way to get tr(∂f/∂z) from directional derivatives: weight · Σₖ pₖ · (∂f/∂z) pₖ over probes pₖ. The probes are drawn once
 * and held fixed through one solve and its adjoint, so that the dynamics are a function.
 */
export interface Divergence {
  readonly name: string;
  /** True when the probes are random and so need a key. */
  readonly stochastic: boolean;
  readonly weight: number;
  /** Probes [count, batch, dim]. */
  probes(batch: number, dim: number, key: Key | undefined, options: CreateOptions): Tensor;
}

/** The divergence [batch] from a dual pass along the probes. */
export function contract(divergence: Divergence, probes: Tensor, dual: Dual): Tensor {
  return rowDots(probes, dual.tangent, divergence.weight);
}
