import type { BudgetPlan, TrainingStudy } from '../study.ts';
import { toyKeepRatios } from '../study.ts';

const paperPlan: BudgetPlan = {
  seeds: 3,
  data: { name: 'gaussians-spiral', trainPerComponent: 1638, testPerComponent: 819, validationShare: 0.1 },
  epochs: 100,
  batch: 1024,
  keepRatios: toyKeepRatios,
  growth: 3.2,
  evaluation: { trainRows: null, validationRows: null, testRows: null, grid: 128, samples: 2000 },
  drawn: [toyKeepRatios[9]!, toyKeepRatios[19]!, toyKeepRatios[24]!],
};

const codeReference = {
  source: 'original code',
  where: 'the authors’ published code, run by us; exact-trace test NLL',
  seed: 0,
  nfeBackward: null,
} as const;

/** Ten Gaussians on a spiral: the second toy density of the paper's Figures 4 and 5. */
export const gaussiansSpiral: TrainingStudy = {
  name: 'gaussians-spiral',
  title: 'Ten Gaussians on a spiral',
  about: 'The same question on modes of unequal width and spacing, with a deeper flow.',
  net: { layers: 4, hidden: 64, activation: 'sigmoid' },
  solver: { method: 'dopri5', rtol: 1e-5, atol: 1e-5, adjoint: 'backsolve' },
  optimiser: { name: 'adamw', learningRate: 5e-2, weightDecay: 1e-2 },
  budgets: {
    smoke: {
      ...paperPlan,
      seeds: 1,
      data: { name: 'gaussians-spiral', trainPerComponent: 72, testPerComponent: 48, validationShare: 0.1 },
      epochs: 3,
      batch: 128,
      keepRatios: [0.5],
      evaluation: { trainRows: 256, validationRows: null, testRows: null, grid: 40, samples: 300 },
      drawn: [0.5],
    },
    // The paper's data in fewer and smaller batches: 580 steps a round in place of 1500.
    quick: {
      ...paperPlan,
      seeds: 1,
      epochs: 10,
      batch: 256,
      keepRatios: [0.8, 0.5, 0.2],
      evaluation: { trainRows: 4096, validationRows: null, testRows: null, grid: 96, samples: 2000 },
      drawn: [0.5, 0.2],
    },
    paper: paperPlan,
  },
  references: [
    { ...codeReference, method: 'dense', pruneRatio: 0, testNll: 0.944, nfeForward: 73, note: null },
    {
      ...codeReference,
      method: 'unstructured',
      pruneRatio: 0.5,
      testNll: 0.665,
      nfeForward: 70,
      note: 'pruned in one shot, then another 100 epochs',
    },
    { ...codeReference, method: 'control', pruneRatio: 0.5, testNll: 0.682, nfeForward: 70, note: null },
  ],
  remarks: ['The paper shows these likelihoods as a curve (Figure 4) and prints no numbers.'],
  extent: 2.4,
};
