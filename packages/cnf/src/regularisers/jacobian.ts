import { mul, square, sum, ValueError } from '@sparseflow/tensor';
import type { Regulariser } from './regulariser.ts';

/**
 * ∫ ‖∂f/∂z‖²_F dt of RNODE (Finlay et al. 2020, eq. 7): fields that are simple to follow. Estimated without bias by ‖(∂f/∂z) ε‖² over the probes
 * of the divergence, whose tangents are there already; exact with an exact divergence.
 *
 * Its rate throws {ValueError} for fields whose trace is not taken in the space of z.
 */
export function jacobian(weight: number): Regulariser {
  return {
    name: 'jacobian',
    weight,
    rate({ dual, divergence, field }) {
      if (field.probeDim !== undefined) {
        throw new ValueError('jacobian', 'the trace is not taken in the space of z', 'use JFrobint, or another field');
      }
      return mul(sum(square(dual.tangent), [0, 2]), divergence.weight);
    },
  };
}
