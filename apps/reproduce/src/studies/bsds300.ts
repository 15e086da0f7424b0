import { geometric } from '@sparseflow/pruning';
import type { BudgetPlan, TrainingStudy } from '../study.ts';
import { ffjordNet, otherModels, smokePlan, table2, tabularOptimiser, tabularSolver, wholeSets } from './tabular.ts';

const net = ffjordNet(63, 3, 20, 2, 'softplus');

const paperPlan: BudgetPlan = {
  seeds: 1,
  data: { name: 'bsds300' },
  epochs: 100,
  batch: 10000,
  milestones: [96, 99],
  best: true,
  keepRatios: geometric(0.7, 0.1, 8),
  evaluation: wholeSets,
  drawn: [],
};

/** Patches of natural images: 63 dimensions, 6.70M parameters. */
export const bsds300: TrainingStudy = {
  name: 'bsds300',
  title: 'BSDS300: patches of natural images',
  about: 'How the likelihood of FFJORD on 8 × 8 patches of photographs changes as its weights or neurons are pruned.',
  net,
  solver: tabularSolver,
  optimiser: tabularOptimiser,
  budgets: {
    smoke: smokePlan(paperPlan, net),
    quick: {
      ...paperPlan,
      seeds: 3,
      data: { name: 'bsds300', rows: { train: 40000, validation: 500, test: 1000 }, whitened: true },
      instead: {
        // Patches have heavy tails, which a flow with bounded units learns to pull in within a few hundred steps.
        net: { ...net, hidden: [126, 126], blocks: 1, activation: 'tanh' },
        solver: { method: 'rk4', steps: 8, adjoint: 'checkpoint' },
        optimiser: { ...tabularOptimiser, learningRate: 1e-2 },
      },
      epochs: 3,
      batch: 200,
      milestones: [2],
      keepRatios: [0.4],
      evaluation: { ...wholeSets, trainRows: 200, solver: { rtol: 1e-5, atol: 1e-5 } },
    },
    paper: paperPlan,
  },
  references: table2(-128.33, 6.7e6, [
    [-145.62, 4.69e6],
    [-148.72, 3.55e6],
    [-150.45, 2.03e6],
    [-151.34, 1.16e6],
  ]),
  others: otherModels([
    [-148.85, 621e3],
    [-153.28, 22.3e6],
    [-155.69, 6.21e6],
    [-155.07, null],
    [-154.99, 2.15e6],
    [-159.8, null],
    [-157.73, 42.3e6],
    [-157.48, 9.09e6],
  ]),
  remarks: [],
};
