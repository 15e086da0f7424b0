import { gaussians } from '../src/studies/gaussians.ts';
import type { TrainingStudy } from '../src/study.ts';

const smoke = gaussians.budgets.smoke;
/** A study small enough for the reference backend: 54 parameters, 18 steps a round. */
export const tiny: TrainingStudy = {
  ...gaussians,
  net: { layers: 2, hidden: 10, activation: 'tanh' },
  solver: { method: 'dopri5', rtol: 1e-3, atol: 1e-3, adjoint: 'backsolve' },
  optimiser: { ...gaussians.optimiser, learningRate: 0.05 },
  budgets: {
    ...gaussians.budgets,
    smoke: {
      ...smoke,
      data: { name: 'gaussians', trainPerComponent: 20, testPerComponent: 20, validationShare: 0.1 },
      epochs: 3,
      batch: 20,
      keepRatios: [0.8, 0.5],
      evaluation: { trainRows: 60, validationRows: null, testRows: null, grid: 24, samples: 50 },
      drawn: [0.5],
    },
  },
};
