import type { AnalysisPlan, AnalysisStudy } from '../study.ts';
import { chainMethods, ratiosNear } from '../study.ts';
import { gaussians } from './gaussians.ts';

const plan: AnalysisPlan = {
  methods: chainMethods,
  pruneRatios: [0.6, 0.7, 0.9],
  analysis: { kind: 'vector-field', grid: 24, trajectories: 200, times: 41 },
};

/** What a flow does in space, dense and pruned: the paper's Figure 6. */
export const vectorField: AnalysisStudy = {
  name: 'vector-field',
  title: 'The vector field',
  about: 'The field that carries noise to data, where it is strong, and the ways that samples take.',
  of: [gaussians],
  budgets: {
    smoke: { ...plan, analysis: { kind: 'vector-field', grid: 12, trajectories: 40, times: 11 } },
    quick: plan,
    paper: plan,
  },
  measures: [
    {
      name: 'speed',
      label: 'rms speed',
      about: 'root mean square of the field over the square that is drawn',
      digits: 3,
      published: [],
    },
    {
      name: 'length',
      label: 'way',
      about: 'mean length of the ways from noise to data',
      digits: 3,
      better: 'lower',
      curve: true,
      at: ratiosNear(0.6),
      published: [],
    },
    {
      name: 'detour',
      label: 'detour',
      about: 'length of the ways over the distance between their ends; 1 is straight',
      digits: 3,
      better: 'lower',
      curve: true,
      at: ratiosNear(0.6),
      published: [],
    },
  ],
  references: [],
  remarks: ['The paper shows pictures and prints no numbers.'],
};
