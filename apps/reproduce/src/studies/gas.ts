import { geometric } from '@sparseflow/pruning';
import type { BudgetPlan, TrainingStudy } from '../study.ts';
import {
  ffjordNet,
  otherModels,
  quickSolver,
  smokePlan,
  table2,
  tabularOptimiser,
  tabularSolver,
  wholeSets,
} from './tabular.ts';

const net = ffjordNet(8, 3, 20, 5, 'tanh');

const paperPlan: BudgetPlan = {
  seeds: 1,
  data: { name: 'gas' },
  epochs: 30,
  batch: 1000,
  milestones: [25, 28],
  best: true,
  keepRatios: geometric(0.7, 0.1, 8),
  evaluation: wholeSets,
  drawn: [],
};

/** Gas sensors in a mixture of ethylene and carbon monoxide: 8 dimensions, 279K parameters. */
export const gas: TrainingStudy = {
  name: 'gas',
  title: 'GAS: sensors in a gas mixture',
  about: 'How the likelihood of FFJORD on readings of 8 chemical sensors changes as its weights or neurons are pruned.',
  net,
  solver: tabularSolver,
  optimiser: tabularOptimiser,
  budgets: {
    smoke: smokePlan(paperPlan, net),
    quick: {
      ...paperPlan,
      data: { name: 'gas', rows: { train: 20000, validation: 2000, test: 2000 }, whitened: true },
      instead: {
        net: { ...net, hidden: [80, 80, 80] },
        solver: quickSolver,
        optimiser: { ...tabularOptimiser, learningRate: 5e-3 },
      },
      epochs: 4,
      batch: 500,
      milestones: [3],
      keepRatios: [0.5, 0.2],
      evaluation: { ...wholeSets, trainRows: 2000 },
    },
    paper: paperPlan,
  },
  references: table2(-8.58, 279e3, [
    [-10.79, 194e3],
    [-11.19, 147e3],
    [-11.59, 85e3],
    [-11.47, 64e3],
  ]),
  others: otherModels([
    [-3.56, 6e3],
    [-8.33, 216e3],
    [-10.08, 62e3],
    [-8.15, null],
    [-10.36, 2.76e6],
    [-12.06, null],
    [-11.96, 443e3],
    [-11.99, 256e3],
  ]),
  remarks: [],
};
