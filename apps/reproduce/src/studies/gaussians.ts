import type { BudgetPlan, Reference, TrainingStudy } from '../study.ts';
import { toyKeepRatios } from '../study.ts';

const paperPlan: BudgetPlan = {
  seeds: 3,
  data: { name: 'gaussians', trainPerComponent: 2730, testPerComponent: 1365, validationShare: 0.1 },
  epochs: 100,
  batch: 1024,
  keepRatios: toyKeepRatios,
  growth: 2.4,
  evaluation: { trainRows: null, validationRows: null, testRows: null, grid: 128, samples: 2000 },
  drawn: [toyKeepRatios[9]!, toyKeepRatios[12]!, toyKeepRatios[24]!],
};

const table5: readonly (readonly [number, number])[] = [
  [0.2, 1.163],
  [0.6, 1.125],
  [0.7, 1.118],
  [0.9, 1.148],
];

const paperReference = { source: 'paper', where: 'Table 5', seed: null, nfeForward: null, nfeBackward: null } as const;
const codeReference = {
  source: 'original code',
  where: 'the authors’ published code, run by us; exact-trace test NLL',
  note: null,
} as const;

const references: readonly Reference[] = [
  { ...paperReference, method: 'dense', pruneRatio: 0, testNll: 1.309, note: null },
  ...table5.map(([pruneRatio, testNll]) => ({
    ...paperReference,
    method: 'unstructured' as const,
    pruneRatio,
    testNll,
    note: 'the table does not name the pruner; the text around it uses unstructured pruning',
  })),
  { ...codeReference, method: 'dense', pruneRatio: 0, testNll: 1.247, seed: 0, nfeForward: 32, nfeBackward: 28 },
  { ...codeReference, method: 'dense', pruneRatio: 0, testNll: 1.261, seed: 1, nfeForward: 32, nfeBackward: 28 },
  { ...codeReference, method: 'dense', pruneRatio: 0, testNll: 1.266, seed: 2, nfeForward: 32, nfeBackward: 28 },
  {
    ...codeReference,
    method: 'unstructured',
    pruneRatio: 0.2,
    testNll: 1.185,
    seed: 0,
    nfeForward: 44,
    nfeBackward: 34,
  },
  { ...codeReference, method: 'structured', pruneRatio: 0.2, testNll: 1.178, seed: 0, nfeForward: 44, nfeBackward: 34 },
  {
    ...codeReference,
    method: 'unstructured',
    pruneRatio: 0.7,
    testNll: 1.2,
    seed: 1,
    nfeForward: 44,
    nfeBackward: 34,
    note: 'pruned in one shot, then another 100 epochs',
  },
  { ...codeReference, method: 'control', pruneRatio: 0.2, testNll: 1.189, seed: 0, nfeForward: 44, nfeBackward: 34 },
];

/** Six Gaussians on a circle: the study of the paper's Figures 4 and 5 and of the likelihoods in Table 5. */
export const gaussians: TrainingStudy = {
  name: 'gaussians',
  title: 'Six Gaussians on a circle',
  about: 'How the likelihood of a small continuous normalizing flow changes as its weights or neurons are pruned.',
  net: { layers: 2, hidden: 128, activation: 'sigmoid' },
  solver: { method: 'dopri5', rtol: 1e-5, atol: 1e-5, adjoint: 'backsolve' },
  optimiser: { name: 'adamw', learningRate: 5e-3, weightDecay: 1e-5 },
  budgets: {
    smoke: {
      ...paperPlan,
      seeds: 1,
      data: { name: 'gaussians', trainPerComponent: 200, testPerComponent: 100, validationShare: 0.1 },
      epochs: 24,
      batch: 256,
      keepRatios: [0.4],
      evaluation: { trainRows: 512, validationRows: null, testRows: null, grid: 48, samples: 600 },
      drawn: [0.4],
    },
    // The paper's data in fewer and smaller batches: 580 steps a round in place of 1500.
    quick: {
      ...paperPlan,
      seeds: 1,
      epochs: 20,
      batch: 512,
      keepRatios: [0.8, 0.4, 0.1],
      evaluation: { trainRows: 4096, validationRows: null, testRows: null, grid: 96, samples: 2000 },
      drawn: [0.4, 0.1],
    },
    paper: paperPlan,
  },
  references,
  remarks: [
    'The differential entropy of the mixture is about 1.134 nats in the normalised coordinates: no model can have a lower expected test NLL, although a drawn test set can come out lower.',
    'Every seed draws and normalises its own test set, which alone moves the test NLL by about 0.01 nats.',
  ],
  extent: 2.4,
};
