import { toyDataset, toyDatasets } from '@sparseflow/datasets';
import * as v from 'valibot';

/** Learn where points lie (a continuous normalizing flow), or which of two classes they are of (a neural ODE classifier). */
export type Task = 'density' | 'classification';

/** The data set that is drawn by hand; all others are those of @sparseflow/datasets. */
export const DRAWN = 'drawn';
export const DRAWN_POINTS = 8192;

const natural = (low: number, high: number) => v.pipe(v.number(), v.integer(), v.minValue(low), v.maxValue(high));
const positive = (high: number) => v.pipe(v.number(), v.gtValue(0), v.maxValue(high));

/** How many points there are, where it is not the data set's own number. */
const sizesSchema = v.object({
  trainPerMode: natural(1, 1_000_000),
  testPerMode: natural(1, 1_000_000),
  validationShare: v.pipe(v.number(), v.minValue(0), v.maxValue(0.9)),
});

export const settingsSchema = v.object({
  task: v.picklist(['density', 'classification']),
  data: v.picklist([DRAWN, ...toyDatasets.map(({ name }) => name)]),
  /** Of a drawn data set: its strokes, as drawing.ts writes them. */
  drawing: v.pipe(v.string(), v.maxLength(8000)),
  sizes: v.nullable(sizesSchema),
  seed: natural(0, 2 ** 32 - 1),
  /** Linear layers, the last one included; hidden ones are `hidden` wide. */
  layers: natural(2, 8),
  hidden: natural(1, 65536),
  activation: v.picklist(['sigmoid', 'tanh', 'softplus', 'relu']),
  learningRate: positive(1),
  batch: natural(8, 8192),
  /** Relative and absolute tolerance of the solver. */
  tolerance: v.pipe(v.number(), v.minValue(1e-7), v.maxValue(1e-1)),
  /** How training gets the divergence; measuring always takes the exact one. */
  trace: v.picklist(['exact', 'hutchinson']),
});

/** All that a run depends on: equal settings give equal numbers on one backend. */
export type Settings = v.InferOutput<typeof settingsSchema>;

/** Fast enough to watch: about a hundred steps to a likelihood that the paper's own hyper-parameters need a thousand for. */
export const defaults: Settings = {
  task: 'density',
  data: 'gaussians',
  drawing: '',
  sizes: null,
  seed: 0,
  layers: 3,
  hidden: 64,
  activation: 'tanh',
  learningRate: 5e-3,
  batch: 512,
  tolerance: 1e-3,
  trace: 'exact',
};

/** How much can be removed, in percent: at least two in a hundred weights stay. */
export const MOST_REMOVED = 98;

/** What the next pruning is to do; it changes nothing that has been trained. */
export const pruningSchema = v.object({
  structure: v.picklist(['unstructured', 'structured']),
  /** Percent of the weights. */
  remove: natural(0, MOST_REMOVED),
  /** Of Algorithm 1, and how many training steps follow on each. */
  rounds: natural(1, 30),
  steps: natural(1, 5000),
});

export type Pruning = v.InferOutput<typeof pruningSchema>;

export const defaultPruning: Pruning = { structure: 'unstructured', remove: 80, rounds: 5, steps: 60 };

/** Data sets of two classes, which a classifier can be trained on. */
export const twoClasses: readonly string[] = toyDatasets
  .filter(({ labelled, modes }) => labelled && modes === 2)
  .map(({ name }) => name);

/** Settings that belong together: a classifier needs classes, and a data set's own sizes need not be said. */
export function coherent(settings: Settings): Settings {
  const task = twoClasses.includes(settings.data) ? settings.task : 'density';
  const own = Object.values(ownSizes(settings.data));
  const sizes = Object.values(settings.sizes ?? {}).every((n, i) => n === own[i]) ? null : settings.sizes;
  return { ...settings, task, sizes };
}

/** How many points a data set has by itself. */
export function ownSizes(data: string): NonNullable<Settings['sizes']> {
  const trainPerMode = data === DRAWN ? DRAWN_POINTS : toyDataset(data).trainPerMode;
  return { trainPerMode, testPerMode: Math.floor(trainPerMode / 2), validationShare: 0.1 };
}

/** The architecture, as the names and shapes of its parameters show it. */
export function sizeOfNet({ layers, hidden }: Pick<Settings, 'layers' | 'hidden'>): number {
  const widths = [2, ...new Array<number>(layers - 1).fill(hidden), 2];
  return widths.slice(1).reduce((sum, out, i) => sum + out * (widths[i]! + 1), 0);
}
