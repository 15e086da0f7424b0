import type { Solver } from '../solver.ts';
import { heun } from './heun.ts';

/**
 * Heun's method with Euler's as its companion, order 2(1), two evaluations a step, with adaptive steps. For crude tolerances, and
 * for fields that are hardly smooth.
 *
 * torchdiffeq's `adaptive_heun` takes the second stage for the derivative at the end of the step, which halves its evaluations
 * and lowers its order; this one does not.
 */
export const adaptiveHeun: Solver = { ...heun, name: 'adaptiveHeun', error: [-1 / 2, 1 / 2], embedded: 1 };
