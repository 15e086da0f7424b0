import type { Budget, BudgetPlan, Net, Optimiser, Solver, TrainingStudy, Variant } from '../study.ts';
import { gaussiansSpiral } from './gaussians-spiral.ts';

const smallPlan: BudgetPlan = {
  seeds: 1,
  data: { name: 'gaussians-spiral', trainPerComponent: 819, testPerComponent: 410, validationShare: 0.1 },
  // 348 steps a round in place of the paper's 1500, and one round in place of 29.
  epochs: 12,
  batch: 256,
  keepRatios: [0.3],
  growth: 3.2,
  evaluation: { trainRows: 2048, validationRows: null, testRows: null, grid: 40, samples: 300 },
  drawn: [],
};

/** At the paper budget, that of gaussians-spiral: the setting that is its own shares its points. */
const budgets: Readonly<Record<Budget, BudgetPlan>> = {
  smoke: {
    ...smallPlan,
    data: { name: 'gaussians-spiral', trainPerComponent: 40, testPerComponent: 20, validationShare: 0.1 },
    epochs: 2,
    batch: 180,
    evaluation: { trainRows: 200, validationRows: null, testRows: null, grid: 8, samples: 20 },
  },
  quick: smallPlan,
  paper: gaussiansSpiral.budgets.paper,
};

const base = {
  ...gaussiansSpiral,
  budgets,
  references: [],
  remarks: [
    'The paper’s supplement (S4) shows these comparisons as curves and prints no numbers.',
    'All settings of a seed share their data and, where their nets agree, their initialisation.',
  ],
};

const net = (layers: number, hidden: number): Net => ({ layers, hidden, activation: 'sigmoid' });
const size = (layers: number, hidden: number, prefix = ''): Variant => ({
  label: `${prefix}${layers} × ${hidden}`,
  net: net(layers, hidden),
});

/** Activations of the field (supplement S4). */
export const ablationActivation: TrainingStudy = {
  ...base,
  name: 'ablation-activation',
  title: 'Which activation',
  about: 'Whether bounded and smooth activations make better sparse flows.',
  variants: (['sigmoid', 'softplus', 'tanh', 'relu'] as const).map((activation) => ({
    label: activation,
    net: { ...gaussiansSpiral.net, activation },
  })),
};

/** Depth against width, first at the paper's sizes, then at about equal numbers of parameters (supplement S4). */
export const ablationModel: TrainingStudy = {
  ...base,
  name: 'ablation-model',
  title: 'Depth against width',
  about: 'Whether sparse flows profit more from wide nets or from deep ones.',
  variants: [
    ...(
      [
        [8, 64],
        [4, 64],
        [2, 128],
        [2, 64],
      ] as const
    ).map(([layers, hidden]) => size(layers, hidden)),
    ...(
      [
        [8, 37],
        [6, 45],
        [3, 90],
        [2, 1700],
      ] as const
    ).map(([layers, hidden]) => size(layers, hidden, 'large ')),
    ...(
      [
        [8, 18],
        [6, 22],
        [4, 30],
        [3, 43],
        [2, 400],
      ] as const
    ).map(([layers, hidden]) => size(layers, hidden, 'medium ')),
    ...(
      [
        [8, 10],
        [6, 12],
        [4, 17],
        [3, 23],
      ] as const
    ).map(([layers, hidden]) => size(layers, hidden, 'small ')),
  ],
  remarks: [
    ...base.remarks,
    'Of about equal size: large (with 4 × 64), medium, and small (with 2 × 128); settings that would appear twice appear once.',
  ],
};

const optimisers: readonly Optimiser[] = [0.05, 0.01, 0.005].flatMap((learningRate) =>
  [0, 1e-7, 1e-6, 1e-5, 1e-4].map((weightDecay) => ({ name: 'adamw' as const, learningRate, weightDecay })),
);

/** Learning rate and weight decay (supplement S4). */
export const ablationOptimizer: TrainingStudy = {
  ...base,
  name: 'ablation-optimizer',
  title: 'Learning rate and weight decay',
  about: 'Which learning rate and weight decay suit dense and sparse flows.',
  variants: optimisers.map((optimiser) => ({
    label: `${optimiser.learningRate}, ${optimiser.weightDecay === 0 ? '0' : optimiser.weightDecay.toExponential()}`,
    optimiser,
  })),
  remarks: [...base.remarks, 'Settings are learning rate, weight decay.'],
};

// The original gives its solvers 20 and 100 times, which are 19 and 99 steps.
const solvers: readonly (readonly [label: string, solver: (adjoint: Solver['adjoint']) => Solver])[] = [
  ['dopri5', (adjoint) => ({ method: 'dopri5', rtol: 1e-5, atol: 1e-5, adjoint })],
  ['rk4', (adjoint) => ({ method: 'rk4', steps: 19, adjoint })],
  ['euler', (adjoint) => ({ method: 'euler', steps: 99, adjoint })],
];

/** Solvers, each with the adjoint equation and with the exact gradient of the discrete solution (supplement S4). */
export const ablationSolver: TrainingStudy = {
  ...base,
  name: 'ablation-solver',
  title: 'Solver and gradient',
  about: 'Whether the solver, or how gradients pass through it, matters to sparse flows.',
  variants: solvers.flatMap(([label, solver]) => [
    { label: `${label}, adjoint`, solver: solver('backsolve') },
    { label: `${label}, exact gradient`, solver: solver('checkpoint') },
  ]),
};
