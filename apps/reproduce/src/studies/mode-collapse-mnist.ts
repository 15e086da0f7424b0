import type { AnalysisPlan, AnalysisStudy, Measure } from '../study.ts';
import { chainMethods } from '../study.ts';
import { mnist } from './mnist.ts';
import { good } from './mode-collapse.ts';

/** Prune ratio; percent of images within 3 and 5 standard deviations (Table 4, structured pruning). */
const table4: readonly (readonly [number, readonly [number, number]])[] = [
  [0, [6.94, 58.24]],
  [0.2, [8.02, 65.98]],
  [0.378, [9.35, 68.11]],
  [0.517, [8.7, 67.24]],
  [0.773, [8.59, 66.24]],
  [0.893, [6.07, 57.28]],
  [0.917, [0.02, 32.75]],
];

function published(column: 0 | 1): Measure['published'] {
  return table4.map(([pruneRatio, values]) => ({
    method: pruneRatio === 0 ? 'dense' : 'structured',
    pruneRatio,
    value: values[column],
    where: 'Table 4',
  }));
}

const real = (limit: 3 | 5): Measure => ({
  name: `real${limit}`,
  label: `test images at ${limit}σ (%)`,
  about: `images of the test set whose distance to the nearest mode is at most ${limit}: what perfect samples would have`,
  digits: 2,
  published: [],
});

const plan: AnalysisPlan = {
  methods: chainMethods,
  pruneRatios: table4.slice(1).map(([pruneRatio]) => pruneRatio),
  analysis: { kind: 'image-quality', samples: 2500, repetitions: 15 },
};

/** Images near the means of their classes: the rows of MNIST in the paper's Table 4. */
export const modeCollapseMnist: AnalysisStudy = {
  name: 'mode-collapse-mnist',
  title: 'Images near the modes',
  about: 'How many images that a flow draws fall near the mean of a digit, and whether any digit is lost.',
  of: [mnist],
  budgets: {
    smoke: { ...plan, analysis: { kind: 'image-quality', samples: 100, repetitions: 2 } },
    quick: { ...plan, analysis: { kind: 'image-quality', samples: 2500, repetitions: 3 } },
    paper: plan,
  },
  measures: [
    { ...good(3), better: 'higher', curve: true, published: published(0) },
    { ...good(5), better: 'higher', curve: true, published: published(1) },
    real(3),
    real(5),
    {
      name: 'captured',
      label: 'digits captured',
      about: 'digits that are nearest to at least one sample within 5',
      digits: 1,
      most: [{ value: 10 }],
      published: [],
    },
    {
      name: 'weakest',
      label: 'weakest digit (%)',
      about:
        'samples within 5 of the digit that has the fewest, against an equal share for every digit; near 0 where one has collapsed',
      digits: 1,
      better: 'higher',
      curve: true,
      published: [],
    },
  ],
  references: [],
  remarks: [
    'The distance is the paper’s, ‖x − m‖² / √((x − m)ᵀ Σ (x − m)) with the mean m and covariance Σ of the training images of a digit, as (pixel + noise) / 256; it is not Mahalanobis’ distance. A digit is the mode that is nearest: no classifier is asked.',
  ],
};
