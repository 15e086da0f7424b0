import type { BudgetPlan, Measure, TrainingStudy } from '../study.ts';
import { toyKeepRatios } from '../study.ts';

/** Standard deviations of the noise; the gap between the moons is about .65 wide in the same units. */
const sigmas = [0.1, 0.2, 0.3, 0.5];
const robustness = { grid: 200, extent: 4, sigmas, repeats: 20 };

const paperPlan: BudgetPlan = {
  seeds: 3,
  data: { name: 'moons', trainPerComponent: 512, testPerComponent: 256, validationShare: 0.1 },
  epochs: 50,
  batch: 128,
  keepRatios: toyKeepRatios,
  growth: 4.2,
  evaluation: { trainRows: null, validationRows: null, testRows: null, grid: 128, samples: 200, robustness },
  // The paper's Figure 9 shows 0, 84 and 96 % pruned.
  drawn: [toyKeepRatios[21]!, toyKeepRatios[27]!],
};

/** What the paper's Figure 9 shows beside the dense classifier. */
const at = [0.84, 0.96];

const accuracy = (split: string): Measure => ({
  name: `${split}Accuracy`,
  label: `${split} accuracy (%)`,
  about: `${split} points that are classified rightly`,
  digits: 1,
  at,
  published: [],
});

const margin = (name: string, label: string, about: string): Measure => ({
  name,
  label,
  about,
  digits: 3,
  at,
  published: [],
});

const told: Partial<Measure> = { better: 'higher', curve: true };

const measures: readonly Measure[] = [
  accuracy('train'),
  accuracy('validation'),
  { ...accuracy('test'), ...told },
  margin(
    'margin',
    'mean margin',
    'mean distance of the test points to the decision boundary, where both logits are equal; negative for points that are classified wrongly',
  ),
  { ...margin('marginLow', 'margin, lowest 5 %', 'the 5 % quantile of these distances'), ...told },
  { ...margin('marginLeast', 'least margin', 'the least of these distances'), curve: true },
  ...sigmas.map((sigma): Measure => ({
    name: `noise${sigma}`,
    label: `accuracy at noise ${sigma} (%)`,
    about: `test points that are classified rightly with Gaussian noise of standard deviation ${sigma} added`,
    digits: 1,
    at,
    ...(sigma === 0.3 && told),
    published: [],
  })),
];

/** Two moons told apart by a neural ODE: the paper's Figure 9, and how robust the decisions are, in numbers. */
export const moons: TrainingStudy = {
  name: 'moons',
  title: 'Two moons, classified',
  about:
    'How far the decision boundary of a neural ODE stays from the data as it is pruned, and what noise does to its decisions.',
  task: 'classification',
  net: { layers: 2, hidden: 64, activation: 'tanh' },
  solver: { method: 'dopri5', rtol: 1e-4, atol: 1e-4, adjoint: 'backsolve' },
  optimiser: { name: 'adam', learningRate: 1e-2, weightDecay: 1e-4 },
  budgets: {
    smoke: {
      ...paperPlan,
      seeds: 1,
      data: { name: 'moons', trainPerComponent: 96, testPerComponent: 48, validationShare: 0.1 },
      epochs: 12,
      batch: 32,
      keepRatios: [0.5],
      evaluation: {
        ...paperPlan.evaluation,
        grid: 48,
        samples: 40,
        robustness: { ...robustness, grid: 60, sigmas: [0.2], repeats: 4 },
      },
      drawn: [0.5],
    },
    // The paper's training in fewer and larger prune rounds.
    quick: {
      ...paperPlan,
      seeds: 1,
      keepRatios: [0.6, 0.35, 0.16, 0.08, 0.04],
      evaluation: { ...paperPlan.evaluation, robustness: { ...robustness, repeats: 10 } },
      drawn: [0.16, 0.04],
    },
    paper: paperPlan,
  },
  measures,
  references: [],
  remarks: [
    'The paper prints no numbers for this experiment; it says that networks pruned by up to 84 % keep a safe decision boundary, and that the boundary of one pruned by 96 % comes very close to one class, at equal accuracy.',
    'The paper’s table of hyper-parameters says 128 hidden units; the configuration of the published code says 64, which is used here. The two coordinates of the final state are the logits: there is no layer after the differential equation.',
    'Distances are in units of the normalised data. The boundary is found by linear interpolation on a grid of 200 × 200 points over [−4, 4]² (spacing .04); where the edge of that square is nearer, it counts as boundary.',
    'Unstructured pruning may, as in the original code, take all weights of a layer. The field is then constant and the two coordinates of a point, shifted, are its logits: right for about a fifth of the points.',
    'The data have no noise across the arcs but a shift along the diagonal of less than .15, and training and test points share their angles: a high test accuracy says little, so the margins are what to compare.',
  ],
  extent: 3,
};
