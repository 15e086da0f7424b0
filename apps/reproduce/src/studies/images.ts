import { geometric } from '@sparseflow/pruning';
import type { BudgetPlan, Measure, MultiscaleNet, TrainingStudy } from '../study.ts';
import { otherModels, quickSolver, tabularOptimiser } from './tabular.ts';

type Printed = readonly (readonly [value: number, parameters: number | null] | null)[];

const models = ['MADE', 'Real NVP', 'MAF', 'Glow', 'CP-Flow', 'TAN', 'SOS', 'RQ-NSF', 'Residual Flow'];
/** Prune ratios of Table 3's Sparse Flow rows, by unstructured pruning. */
const printedRatios = [0.2, 0.38, 0.52, 0.63, 0.71, 0.77, 0.82, 0.86];

function bitsPerDim(dense: number, sparse: readonly number[]): Measure {
  const at = { where: 'Table 3' } as const;
  return {
    name: 'bitsPerDim',
    label: 'bits/dim',
    about: 'test negative log-likelihood of the pixels in bits a dimension, with an estimated trace',
    digits: 3,
    better: 'lower',
    curve: true,
    published: [
      { ...at, method: 'dense', pruneRatio: 0, value: dense },
      ...sparse.map((value, i) => ({ ...at, method: 'unstructured' as const, pruneRatio: printedRatios[i]!, value })),
    ],
  };
}

/** What the two image studies differ in. */
interface ImageStudy {
  readonly name: 'mnist' | 'cifar10';
  readonly title: string;
  readonly about: string;
  readonly shape: MultiscaleNet['shape'];
  readonly dense: number;
  readonly sparse: readonly number[];
  readonly others: Printed;
  /** At the quick budget: pixels that are made one, and the net for what is left. */
  readonly quick: { readonly pool: number; readonly net: MultiscaleNet };
}

/** FFJORD's multi-scale flow on images, as in the paper's Table 3 and Figure 8. */
export function imageStudy({ name, title, about, shape, dense, sparse, others, quick }: ImageStudy): TrainingStudy {
  const net: MultiscaleNet = { kind: 'multiscale', shape, hidden: [64, 64, 64], blocks: 2, activation: 'softplus' };
  const paperPlan: BudgetPlan = {
    seeds: 1,
    data: { name },
    epochs: 50,
    batch: 200,
    milestones: [45],
    best: true,
    keepRatios: geometric(0.8, 0.05, 12),
    evaluation: { trainRows: 2000, validationRows: null, testRows: null, grid: 0, samples: 64 },
    drawn: geometric(0.8, 0.05, 12),
  };
  const small: BudgetPlan = {
    ...paperPlan,
    data: { name, rows: { train: 10000, validation: 500, test: 500 }, pool: quick.pool },
    instead: { net: quick.net, solver: quickSolver, optimiser: { ...tabularOptimiser, weightDecay: 0 } },
    epochs: 2,
    milestones: [1],
    keepRatios: [0.4],
    evaluation: { trainRows: 500, validationRows: null, testRows: null, grid: 0, samples: 64 },
    drawn: [0.4],
  };
  return {
    name,
    title,
    about,
    net,
    solver: { method: 'dopri5', rtol: 1e-5, atol: 1e-5, adjoint: 'backsolve' },
    optimiser: { name: 'adam', learningRate: 1e-3, weightDecay: 0 },
    budgets: {
      smoke: {
        ...small,
        data: { name, rows: { train: 32, validation: 8, test: 8 }, pool: quick.pool * 2 },
        instead: { ...small.instead, net: { ...quick.net, ...smallest(quick.net) } },
        epochs: 1,
        batch: 16,
        evaluation: { ...small.evaluation, trainRows: 8, samples: 4 },
      },
      quick: small,
      paper: { ...paperPlan, rowsAtOnce: 50 },
    },
    references: [],
    others: otherModels(others, models),
    measures: [bitsPerDim(dense, sparse)],
    remarks: [
      'Likelihoods of images are estimates: the exact trace would take a pass for each dimension. The noise of the estimate is the same for all flows.',
    ],
    extent: 1,
  };
}

/** Half the sides and two channels, to run everything once. */
function smallest({ shape: [height, width, channels] }: MultiscaleNet): Pick<MultiscaleNet, 'shape' | 'hidden'> {
  return { shape: [Math.floor(height / 2), Math.floor(width / 2), channels], hidden: [2] };
}
