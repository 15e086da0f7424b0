import type { BudgetPlan, TrainingStudy } from '../study.ts';
import { toyKeepRatios } from '../study.ts';

const paperPlan: BudgetPlan = {
  seeds: 3,
  data: { name: 'spirals', trainPerComponent: 16384, testPerComponent: 8192, validationShare: 0.1 },
  epochs: 100,
  batch: 1024,
  keepRatios: toyKeepRatios,
  evaluation: { trainRows: null, validationRows: null, testRows: null, grid: 128, samples: 4000 },
  drawn: [toyKeepRatios[9]!, toyKeepRatios[19]!, toyKeepRatios[24]!],
};

/** Two interleaved spirals with sparse regions: the third toy density of the paper's Figures 4 and 5. */
export const spirals: TrainingStudy = {
  name: 'spirals',
  title: 'Two spirals',
  about: 'The same question on thin, connected structures with sparse regions.',
  net: { layers: 4, hidden: 64, activation: 'sigmoid' },
  solver: { method: 'dopri5', rtol: 1e-5, atol: 1e-5, adjoint: 'backsolve' },
  optimiser: { name: 'adamw', learningRate: 5e-2, weightDecay: 1e-6 },
  budgets: {
    smoke: {
      ...paperPlan,
      seeds: 1,
      data: { name: 'spirals', trainPerComponent: 360, testPerComponent: 240, validationShare: 0.1 },
      epochs: 3,
      batch: 128,
      keepRatios: [0.5],
      evaluation: { trainRows: 256, validationRows: null, testRows: null, grid: 40, samples: 300 },
      drawn: [0.5],
    },
    // The paper's data in fewer and smaller batches: 1160 steps a round in place of 2900.
    quick: {
      ...paperPlan,
      seeds: 1,
      epochs: 10,
      batch: 256,
      keepRatios: [0.8, 0.5, 0.2],
      evaluation: { trainRows: 4096, validationRows: null, testRows: 8192, grid: 96, samples: 2000 },
      drawn: [0.5, 0.2],
    },
    // Of the points that there are so far.
    paper: { ...paperPlan, growth: 12 },
  },
  references: [
    {
      source: 'original code',
      where: 'the authors’ published code, run by us; exact-trace test NLL',
      method: 'dense',
      pruneRatio: 0,
      testNll: 1.951,
      seed: 0,
      nfeForward: 92,
      nfeBackward: null,
      note: null,
    },
  ],
  remarks: ['The paper shows these likelihoods as a curve (Figure 4) and prints no numbers.'],
  extent: 2.6,
};
