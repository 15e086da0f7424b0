import * as v from 'valibot';
import { analysisKinds } from '../analysis.ts';
import type { Method } from '../study.ts';
import { budgets, methods, protocols } from '../study.ts';

const finite = v.pipe(v.number(), v.finite());
const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const share = v.pipe(v.number(), v.minValue(0), v.maxValue(1));
/** A measured number; null where the point diverged before it could be measured. */
const measured = v.nullable(finite);

/** A study's own methods, and `pruner:NAME` for those that `--pruner` asked for. */
const method = v.custom<Method>(
  (value) =>
    typeof value === 'string' &&
    ((methods as readonly string[]).includes(value) || /^pruner:[\w.-]{1,40}$/.test(value)),
);

/** A number with its standard error, where it is an estimate. */
export const quantitySchema = v.strictObject({ value: finite, standardError: v.nullable(finite) });
export type Quantity = v.InferOutput<typeof quantitySchema>;

/**
 * One model, trained and evaluated, or analysed. Likelihoods are exact-trace negative log-likelihoods in nats per point (of a classifier,
 * of its labels); an analysed model has those of the model.
 */
export const pointSchema = v.strictObject({
  /** Label of the setting, where a study compares several. */
  variant: v.optional(v.string()),
  method,
  /** Share of parameters removed at this round of the study; a control has the ratio of the pruned points it stands beside. */
  pruneRatio: share,
  /** Share of the dense size that this point was asked to keep; 1 for dense and control. */
  keepRatio: share,
  /** Parameters that are not pruned away, biases included. */
  parameters: v.nullable(count),
  round: count,
  seed: count,
  /** Epochs trained since the random initialisation, all rounds together. */
  epochs: count,
  trainNll: measured,
  validationNll: measured,
  testNll: measured,
  /** Field evaluations per training step, forward and in the adjoint: means over the last epoch. */
  nfeForward: measured,
  nfeBackward: measured,
  /** What else was measured, by name; what the names mean is in the result's `measures`. */
  quantities: v.optional(v.record(v.string(), quantitySchema)),
  /** Time this point took to train and evaluate, without its parents. */
  seconds: finite,
  status: v.picklist(['ok', 'diverged']),
  reason: v.optional(v.string()),
  /** Content address of its configuration: the names of its files in points/ and checkpoints/. */
  address: v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/)),
});
export type Point = v.InferOutput<typeof pointSchema>;

export const referenceSchema = v.strictObject({
  source: v.picklist(['paper', 'original code']),
  where: v.string(),
  method: v.picklist(methods),
  pruneRatio: share,
  testNll: finite,
  seed: v.nullable(count),
  nfeForward: v.nullable(count),
  nfeBackward: v.nullable(count),
  note: v.nullable(v.string()),
});

/** A quantity of the points, and what is published of it. */
const measureSchema = v.strictObject({
  name: v.string(),
  label: v.string(),
  about: v.string(),
  digits: count,
  better: v.optional(v.picklist(['higher', 'lower'])),
  /** Shown divided by the dense model's of the same seed. */
  relative: v.optional(v.boolean()),
  /** Prune ratios that the sentences and the table of contributions are about. */
  at: v.optional(v.array(share)),
  curve: v.optional(v.boolean()),
  /** Of what is counted: how many there are. */
  most: v.optional(v.array(v.strictObject({ variant: v.optional(v.string()), value: count }))),
  published: v.array(
    v.strictObject({
      variant: v.optional(v.string()),
      method: v.picklist(methods),
      pruneRatio: share,
      value: finite,
      where: v.string(),
    }),
  ),
});

const machineSchema = v.strictObject({
  cpu: v.string(),
  cores: count,
  memoryGiB: finite,
  platform: v.string(),
});
export type Machine = v.InferOutput<typeof machineSchema>;

/** What STUDY/result.json holds and `--json` prints. */
export const resultSchema = v.strictObject({
  schema: v.literal(1),
  study: v.string(),
  title: v.string(),
  about: v.string(),
  remarks: v.array(v.string()),
  budget: v.picklist(budgets),
  protocol: v.picklist(protocols),
  backend: v.string(),
  /** The first seed; all of them are in `seeds`. */
  seed: count,
  seeds: v.array(count),
  /** Compute time of all points together, however many workers there were and whether or not it was interrupted. */
  seconds: finite,
  machine: machineSchema,
  /** All of them, where points of several machines were merged. */
  machines: v.optional(v.array(machineSchema)),
  versions: v.record(v.string(), v.string()),
  /** How this file was made: nothing in here changes the points. */
  run: v.strictObject({
    command: v.string(),
    finished: v.string(),
    wallSeconds: finite,
    workers: count,
    /** Points taken from an earlier run. */
    kept: count,
    /** How many runs made the points, where several did: commands and time are those of all of them, workers those of the last. */
    runs: v.optional(count),
  }),
  /** What the budget means for this study. */
  settings: v.strictObject({
    data: v.string(),
    net: v.string(),
    solver: v.string(),
    optimiser: v.string(),
    training: v.string(),
    analysis: v.optional(v.string()),
  }),
  /** What is learned; absent: a density. */
  task: v.optional(v.picklist(['density', 'classification'])),
  /** What kind of analysis the points are of; absent where they are trained models themselves. */
  analysis: v.optional(v.picklist(analysisKinds)),
  /** Labels of the compared settings, in order. */
  variants: v.optional(v.array(v.string())),
  measures: v.optional(v.array(measureSchema)),
  /** Present while points are missing: how many there will be, and which are not there yet. */
  partial: v.optional(v.strictObject({ planned: count, missing: v.array(v.string()) })),
  /** What the data files held, in studies of such. */
  dataset: v.optional(
    v.strictObject({
      fingerprint: v.string(),
      train: count,
      validation: count,
      test: count,
      reason: v.nullable(v.string()),
    }),
  ),
  /** Why likelihoods must not be compared with published ones; absent where they may. */
  notComparable: v.optional(v.string()),
  /** What the paper prints of other models. */
  others: v.optional(v.array(v.strictObject({ model: v.string(), value: finite, parameters: v.nullable(count) }))),
  points: v.array(pointSchema),
  paper: v.array(referenceSchema),
});
export type Measure = v.InferOutput<typeof measureSchema>;
export type Result = v.InferOutput<typeof resultSchema>;

/** The file of one finished point. `config` is what `point.address` is the hash of. */
export const pointFileSchema = v.strictObject({
  schema: v.literal(1),
  config: v.record(v.string(), v.unknown()),
  point: pointSchema,
});

/** Single-precision numbers, little endian, in base64. */
const floats = v.strictObject({ shape: v.array(count), base64: v.string() });

/** What a point contributes to the figures: `extent`, half the side of the square that is shown, and arrays by name. */
export const artefactFileSchema = v.objectWithRest(
  { schema: v.literal(1), address: v.string(), extent: finite },
  floats,
);
