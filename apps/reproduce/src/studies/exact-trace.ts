import type { TrainingStudy } from '../study.ts';
import { gaussians } from './gaussians.ts';

/** The exact trace in training in place of Hutchinson's estimate (supplement S4). The estimate's points are those of gaussians. */
export const exactTrace: TrainingStudy = {
  ...gaussians,
  name: 'exact-trace',
  title: 'The exact trace in training',
  about: 'Whether the noise of the trace estimate is what limits dense or sparse flows.',
  variants: [{ label: 'estimated trace' }, { label: 'exact trace', divergence: 'exact' }],
  references: [],
  remarks: [...gaussians.remarks, 'The paper’s supplement (S4) shows this comparison as curves and prints no numbers.'],
};
