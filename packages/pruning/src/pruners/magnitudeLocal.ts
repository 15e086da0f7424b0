import type { Pruner } from '../pruner.ts';
import { magnitude } from './magnitude.ts';

/**
 * Keeps the weights of largest absolute value in every parameter, the same share of each: uniform magnitude pruning (Han et al. 2015,
 * "Learning both Weights and Connections for Efficient Neural Networks"). Needs no data.
 */
export const magnitudeLocal: Pruner = { ...magnitude, name: 'magnitude-local', scope: 'local' };
