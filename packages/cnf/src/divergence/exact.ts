import { broadcastTo, eye, reshape, scope } from '@sparseflow/tensor';
import type { Divergence } from './divergence.ts';

/** The exact trace: one probe per dimension, so its cost grows with the dimension. Right for small ones, and for reporting. */
export function exact(): Divergence {
  return {
    name: 'exact',
    stochastic: false,
    weight: 1,
    probes: (batch, dim, _key, options) =>
      scope(() => broadcastTo(reshape(eye(dim, options), [dim, 1, dim]), [dim, batch, dim])),
  };
}
