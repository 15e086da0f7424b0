import type { Study } from '../src/study.ts';
import { tiny } from './tinyStudy.ts';

const { smoke } = tiny.budgets;

/** In place of the program's studies, for a device that takes some milliseconds for every kernel: five points of six training steps. */
export const studies: readonly Study[] = [
  {
    ...tiny,
    budgets: {
      ...tiny.budgets,
      smoke: {
        ...smoke,
        data: { name: 'gaussians', trainPerComponent: 10, testPerComponent: 5, validationShare: 0.1 },
        epochs: 2,
        keepRatios: [0.5],
        evaluation: { ...smoke.evaluation, grid: 12, samples: 20 },
      },
    },
  },
];
