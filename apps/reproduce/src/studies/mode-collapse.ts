import type { AnalysisPlan, AnalysisStudy, Measure } from '../study.ts';
import { chainMethods } from '../study.ts';
import { gaussians } from './gaussians.ts';
import { gaussiansSpiral } from './gaussians-spiral.ts';

/** Prune ratio; per data set, percent of samples within 2 and 3 standard deviations (Table 4, structured pruning). */
const table4: readonly (readonly [number, readonly [number, number], readonly [number, number]])[] = [
  [0, [72.89, 89.34], [66.65, 84.01]],
  [0.2, [79.46, 93.45], [74.29, 90.64]],
  [0.256, [81.4, 94.9], [78.22, 93.02]],
  [0.52, [84.3, 96.85], [80.4, 94.29]],
  [0.712, [81.83, 94.86], [78.06, 93.41]],
  [0.751, [68.2, 86.1], [78.99, 93.67]],
  [0.98, [36.01, 76.54], [9.27, 20.32]],
];

function published(column: 0 | 1): Measure['published'] {
  return table4.flatMap(([pruneRatio, ...sets]) =>
    sets.map((values, i) => ({
      variant: [gaussians, gaussiansSpiral][i]!.name,
      method: pruneRatio === 0 ? ('dense' as const) : ('structured' as const),
      pruneRatio,
      value: values[column],
      where: 'Table 4',
    })),
  );
}

/** The share of samples that are good, by the limit in standard deviations. */
export const good = (limit: number): Pick<Measure, 'name' | 'label' | 'about' | 'digits'> => ({
  name: `good${limit}`,
  label: `good at ${limit}σ (%)`,
  about: `samples whose distance to the nearest mode is at most ${limit}`,
  digits: 2,
});

const plan: AnalysisPlan = {
  methods: chainMethods,
  pruneRatios: table4.slice(1).map(([pruneRatio]) => pruneRatio),
  analysis: { kind: 'sample-quality', samples: 20_000, repetitions: 15 },
};

/** Samples near the modes of the data: the paper's Table 4. */
export const modeCollapse: AnalysisStudy = {
  name: 'mode-collapse',
  title: 'Samples near the modes',
  about: 'How many samples of a flow fall near a mode of the data, and whether any mode is lost.',
  of: [gaussians, gaussiansSpiral],
  budgets: {
    smoke: { ...plan, analysis: { kind: 'sample-quality', samples: 500, repetitions: 3 } },
    quick: { ...plan, analysis: { kind: 'sample-quality', samples: 20_000, repetitions: 5 } },
    paper: plan,
  },
  measures: [
    { ...good(2), better: 'higher', curve: true, published: published(0) },
    { ...good(3), better: 'higher', curve: true, published: published(1) },
    { ...good(5), published: [] },
    {
      name: 'captured',
      label: 'modes captured',
      about: 'modes that are nearest to at least one sample within 3',
      digits: 1,
      most: [
        { variant: gaussians.name, value: 6 },
        { variant: gaussiansSpiral.name, value: 10 },
      ],
      published: [],
    },
    {
      name: 'weakest',
      label: 'weakest mode (%)',
      about:
        'samples within 3 of the mode that has the fewest, against an equal share for every mode; near 0 where a mode has collapsed',
      digits: 1,
      better: 'higher',
      curve: true,
      published: [],
    },
  ],
  references: [],
  remarks: [
    'The distance is the paper’s, ‖x − m‖² / √((x − m)ᵀ Σ (x − m)) with the mean m and covariance Σ of the training points of a mode; it is not Mahalanobis’ distance.',
    'Even exact samples are not all good: for a circular normal mode 86.5 % fall within 2σ, 98.9 % within 3σ.',
  ],
};
