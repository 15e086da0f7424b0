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

const net = ffjordNet(21, 2, 10, 10, 'softplus');

const paperPlan: BudgetPlan = {
  seeds: 1,
  data: { name: 'hepmass' },
  epochs: 400,
  batch: 10000,
  milestones: [250, 295],
  best: true,
  keepRatios: geometric(0.8, 0.05, 12),
  evaluation: wholeSets,
  drawn: [],
};

/** Particle collisions: 21 dimensions, 547K parameters. */
export const hepmass: TrainingStudy = {
  name: 'hepmass',
  title: 'HEPMASS: particle collisions',
  about:
    'How the likelihood of FFJORD on 21 features of simulated collisions changes as its weights or neurons are pruned.',
  net,
  solver: tabularSolver,
  optimiser: tabularOptimiser,
  budgets: {
    smoke: smokePlan(paperPlan, net),
    quick: {
      ...paperPlan,
      data: { name: 'hepmass', rows: { train: 20000, validation: 1000, test: 1000 }, whitened: true },
      instead: {
        net: { ...net, hidden: [84, 84], blocks: 3 },
        solver: quickSolver,
        optimiser: { ...tabularOptimiser, learningRate: 5e-3 },
      },
      epochs: 10,
      batch: 250,
      milestones: [8],
      keepRatios: [0.5, 0.2],
      evaluation: { ...wholeSets, trainRows: 1000 },
    },
    paper: paperPlan,
  },
  references: table2(17.53, 547e3, [
    [16.53, 340e3],
    [15.82, 160e3],
    [15.6, 75e3],
    [15.99, 46e3],
  ]),
  others: otherModels([
    [20.98, 147e3],
    [18.71, 5.46e6],
    [17.7, 1.47e6],
    [18.92, null],
    [16.93, 2.92e6],
    [13.78, null],
    [15.09, 10.7e6],
    [15.15, 4.43e6],
  ]),
  remarks: [],
};
