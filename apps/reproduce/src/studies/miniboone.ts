import { geometric, linear } from '@sparseflow/pruning';
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

const net = ffjordNet(43, 2, 20, 1, 'softplus');

const paperPlan: BudgetPlan = {
  seeds: 3,
  data: { name: 'miniboone' },
  epochs: 400,
  batch: 1000,
  milestones: [300, 350],
  best: true,
  keepRatios: [...geometric(0.8, 0.05, 12), ...linear(0.04, 0.01, 4)],
  evaluation: wholeSets,
  drawn: [],
};

/** Neutrino detections: 43 dimensions, 821K parameters. */
export const miniboone: TrainingStudy = {
  name: 'miniboone',
  title: 'MINIBOONE: neutrino detections',
  about:
    'How the likelihood of FFJORD on 43 features of electron neutrinos changes as its weights or neurons are pruned.',
  net,
  solver: tabularSolver,
  optimiser: tabularOptimiser,
  budgets: {
    smoke: smokePlan(paperPlan, net),
    quick: {
      ...paperPlan,
      data: { name: 'miniboone', rows: { train: 4000, validation: 500, test: 500 }, whitened: true },
      instead: {
        net: { ...net, hidden: [172, 172] },
        solver: quickSolver,
        optimiser: { ...tabularOptimiser, learningRate: 5e-3 },
      },
      epochs: 40,
      batch: 250,
      milestones: [30],
      keepRatios: [0.4],
      evaluation: { ...wholeSets, trainRows: 500 },
    },
    paper: paperPlan,
  },
  references: table2(10.5, 821e3, [
    [10.84, 397e3],
    [10.81, 186e3],
    [9.95, 32e3],
    [10.54, 18e3],
  ]),
  others: otherModels([
    [15.59, 164e3],
    [13.84, 5.68e6],
    [11.75, 1.64e6],
    [11.35, null],
    [10.58, 379e3],
    [11.01, null],
    [8.86, 8.03e6],
    [8.9, 6.87e6],
  ]),
  remarks: [],
};
