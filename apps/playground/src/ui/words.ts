import type { ModelName, ModelReport, ViewName } from '../protocol.ts';
import type { Task } from '../settings.ts';

export const modelTitles: Readonly<Record<ModelName, string>> = {
  dense: 'Dense',
  sparse: 'Sparse',
  control: 'Control',
};

export const viewTitles: Readonly<Record<Task, Readonly<Partial<Record<ViewName, string>>>>> = {
  density: { density: 'Density', samples: 'Samples', field: 'Vector field', trajectories: 'Trajectories' },
  classification: { density: 'Decision', field: 'Vector field', trajectories: 'Trajectories' },
};

/** What a model is, in a line. */
export function aboutModel({ name }: Pick<ModelReport, 'name'>, isAlone: boolean): string {
  if (name === 'sparse') return 'pruned, then trained on';
  if (name === 'control') return 'never pruned, trained as long';
  return isAlone ? 'all weights' : 'as it was before pruning';
}

export const percent = (share: number): string => `${(100 * share).toFixed(share > 0 && share < 0.1 ? 1 : 0)} %`;

const whole = new Intl.NumberFormat('en');
export const integer = (n: number): string => whole.format(n);
/** In two or three digits; a dash where there is no number yet. */
export const brief = (x: number | undefined): string =>
  x !== undefined && Number.isFinite(x) ? x.toFixed(x < 10 ? 1 : 0) : '–';
export const nats = (x: number): string => x.toFixed(3);

const dataTitles: Readonly<Record<string, string>> = {
  'gaussians-spiral': 'gaussian spiral',
  'spirals-classification': 'noisy spirals',
  diffeqml: 'limit cycle',
  '8gaussians': '8 gaussians',
  '2spirals': '2 spirals',
  swissroll: 'swiss roll',
};

/** What a data set is called here. */
export const dataTitle = (name: string): string => dataTitles[name] ?? name;
