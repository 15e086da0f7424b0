import { square, sum } from '@sparseflow/tensor';
import type { Regulariser } from './regulariser.ts';

/**
 * The kinetic energy ∫ ‖f‖² dt of RNODE (Finlay et al. 2020, eq. 7), summed over dimensions: straight paths. It takes no evaluation of its
 * own. OT-Flow's transport cost is half of it (Onken et al. 2021, eq. 4).
 */
export function kinetic(weight: number): Regulariser {
  return { name: 'kinetic', weight, valueOnly: true, rate: ({ dual }) => sum(square(dual.value), 1) };
}
