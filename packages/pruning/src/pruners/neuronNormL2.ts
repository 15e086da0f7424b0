import type { Pruner } from '../pruner.ts';
import { normsOf } from './neuronNorm.ts';

/**
 * Keeps the neurons whose incoming weights have the largest ℓ₂ norm ‖W_i:‖₂ (for a convolution, the filters), the same share in every
 * layer (He et al. 2018, "Soft Filter Pruning for Accelerating Deep Convolutional Neural Networks"). Biases do not count towards the
 * norm. Needs no data.
 */
export const neuronNormL2: Pruner = {
  name: 'neuron-norm-l2',
  target: 'neurons',
  scope: 'local',
  score: async (params, { neurons }) =>
    // The order of the squares is that of the norms.
    normsOf(params, neurons, (w) => w * w),
};
