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

const net = ffjordNet(6, 3, 10, 5, 'tanh');

const paperPlan: BudgetPlan = {
  seeds: 1,
  data: { name: 'power' },
  epochs: 100,
  batch: 10000,
  milestones: [90, 97],
  best: true,
  keepRatios: geometric(0.7, 0.1, 8),
  evaluation: wholeSets,
  drawn: [],
};

/** Electric power consumption of a household: 6 dimensions, 43.3K parameters. */
export const power: TrainingStudy = {
  name: 'power',
  title: 'POWER: electric power consumption',
  about:
    'How the likelihood of FFJORD on 6-dimensional measurements of a household changes as its weights or neurons are pruned.',
  net,
  solver: tabularSolver,
  optimiser: tabularOptimiser,
  budgets: {
    smoke: smokePlan(paperPlan, net),
    quick: {
      ...paperPlan,
      seeds: 3,
      data: { name: 'power', rows: { train: 20000, validation: 2000, test: 4000 }, whitened: true },
      instead: { solver: quickSolver, optimiser: { ...tabularOptimiser, learningRate: 5e-3 } },
      epochs: 4,
      batch: 500,
      milestones: [3],
      keepRatios: [0.4],
      evaluation: { ...wholeSets, trainRows: 2000 },
    },
    paper: paperPlan,
  },
  references: table2(-0.35, 43.3e3, [
    [-0.45, 30e3],
    [-0.5, 23e3],
    [-0.53, 13e3],
    [-0.52, 10e3],
  ]),
  others: otherModels([
    [3.08, 6e3],
    [-0.17, 212e3],
    [-0.24, 59e3],
    [-0.17, null],
    [-0.52, 5.46e6],
    [-0.6, null],
    [-0.62, 451e3],
    [-0.6, 212e3],
  ]),
  remarks: [],
};
