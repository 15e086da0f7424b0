import { describeAnalysis } from './analysis.ts';
import type { PlannedPoint, Training } from './plan.ts';
import type { Provenance } from './provenance.ts';
import type { Point, Result } from './results/schema.ts';
import type { Outcome } from './run/executor.ts';
import type {
  Budget,
  BudgetPlan,
  FileData,
  FoundData,
  Net,
  Optimiser,
  Protocol,
  Solver,
  Study,
  TrainingStudy,
} from './study.ts';
import { fileDataOf, isAnalysis, isInFiles, isMlp, settingsOf } from './study.ts';

const nothing = { trainNll: null, validationNll: null, testNll: null, nfeForward: null, nfeBackward: null };

/** The row of a point, as it is stored. */
export function pointOf(
  { address, config, pruneRatio }: PlannedPoint,
  outcome: Exclude<Outcome, { status: 'stopped' }>,
): Point {
  const { method, keepRatio, round, seed } = config;
  const { parameters, epochs } = outcome.status === 'ok' ? outcome.measured : outcome;
  const { seconds } = outcome;
  const row = { method, pruneRatio, keepRatio, parameters, round, seed, epochs, ...nothing, seconds, address } as const;
  switch (outcome.status) {
    case 'diverged':
      return { ...row, status: 'diverged', reason: outcome.reason };
    case 'analysed':
      return { ...row, status: 'ok', quantities: outcome.quantities };
    case 'ok':
      return { ...row, ...outcome.measured, status: 'ok' };
  }
}

/**
 * The row of a point in a study's result. What depends on the study and not on the point alone comes from the plan: the label of the
 * setting, and the ratio that a control stands beside. An analysed model's likelihoods are those of its training.
 */
function rowOf(planned: PlannedPoint, known: ReadonlyMap<string, Point>): Point {
  const point = known.get(planned.address)!;
  const { pruneRatio, variant, config } = planned;
  const model = config.analysis === undefined ? undefined : known.get(config.parent!);
  return {
    ...(variant === undefined ? {} : { variant }),
    ...point,
    pruneRatio,
    ...(model === undefined
      ? {}
      : { trainNll: model.trainNll, validationNll: model.validationNll, testNll: model.testNll }),
  };
}

/** What decided a study's numbers, in words, for readers of its report. */
function describeSettings(
  study: Study,
  { budget, found }: RunIdentity,
  points: readonly PlannedPoint[],
): Result['settings'] {
  const bases = (isAnalysis(study) ? study.of : [study]).map((base) => settingsOf(base, budget));
  const trained = points.filter(({ config }) => config.method !== 'gaussian');
  /** One description, or one for each of the models by name where they differ. */
  const each = (describe: (base: TrainingStudy) => string): string => {
    const texts = bases.map((base) => `${bases.length > 1 ? `${base.name}: ` : ''}${describe(base)}`);
    return texts.join('; ');
  };
  return {
    data: each(({ budgets }) => {
      const { data } = budgets[budget];
      if (isInFiles(data)) return describeFiles(data, found!);
      const { name, trainPerComponent, testPerComponent, validationShare } = data;
      return `${name}, ${trainPerComponent} training and ${testPerComponent} test points per component, ${Math.round(validationShare * 100)} % of the training points held out`;
    }),
    net: each((base) => {
      const nets = varied(base, 'net', describeNet);
      if (base.task === 'classification') return nets;
      const traces = varied(base, 'divergence', (divergence) =>
        divergence === 'exact' ? 'the exact trace in training' : 'Hutchinson trace with Gaussian noise in training',
      );
      const images = !isMlp(base.net) && base.net.kind === 'multiscale';
      return `${nets}; ${traces}, ${images ? 'and in evaluation' : 'exact trace in evaluation'}`;
    }),
    solver: each((base) => varied(base, 'solver', describeSolver)) + describeEvaluation(trained[0]!.config.evaluation),
    optimiser: each((base) => `${varied(base, 'optimiser', describeOptimiser)}, started afresh in every round`),
    training: describeTraining(trained[0]!.config.training, (trained[1] ?? trained[0])!.config.training),
    ...(isAnalysis(study) ? { analysis: describeAnalysis(study.budgets[budget].analysis) } : {}),
  };
}

/** A setting of a study; where its variants differ in it, all of them. */
function varied<K extends 'net' | 'solver' | 'optimiser' | 'divergence'>(
  study: TrainingStudy,
  name: K,
  describe: (value: TrainingStudy[K]) => string,
): string {
  const settings = (study.variants ?? [{}]).map((variant) =>
    describe(({ ...study, ...variant } as TrainingStudy)[name]),
  );
  return [...new Set(settings)].join(' or ');
}

function describeNet(net: Net): string {
  const { activation } = net;
  if (isMlp(net))
    return `multilayer perceptron without time, ${net.layers} linear layers, ${net.hidden} hidden units, ${activation}`;
  const widths = net.hidden.join(', ');
  const blocks = `${net.blocks} ${net.blocks === 1 ? 'block' : 'blocks'}`;
  return net.kind === 'stacked'
    ? `${blocks} of concatsquash layers with ${widths} hidden units, ${activation}, end times trained`
    : `multi-scale flow of ${net.shape.join(' × ')} images, ${blocks} before and after each squeeze, concat convolutions with ${widths} channels, ${activation}, end times trained`;
}

const splits = ['train', 'validation', 'test'] as const;

/** What is used of a data set in files. */
function describeFiles(data: FileData, found: FoundData): string {
  const pooled = data.pool === undefined ? '' : `; ${data.pool} × ${data.pool} pixels made one`;
  return `${data.name}, ${describeRows(data, found)}${pooled}`;
}

/** How many rows of each split are used. */
function describeRows({ rows }: FileData, found: FoundData): string {
  const [train, validation, test] = splits.map((split) => {
    const [there, used = there] = [found[split], rows?.[split]];
    return used >= there
      ? there.toLocaleString('en')
      : `the first ${used.toLocaleString('en')} of ${there.toLocaleString('en')}`;
  });
  return `${train} training, ${validation} validation and ${test} test rows`;
}

/** Why likelihoods of these data must not be compared with published ones. */
function reasonsAgainst(data: FileData, found: FoundData): string[] {
  const { rows, pool } = data;
  const cut = rows !== undefined && splits.some((split) => rows[split] < found[split]);
  return [
    ...(found.reason === null ? [] : [found.reason]),
    ...(cut ? [describeRows(data, found)] : []),
    ...(pool === undefined ? [] : [`images of which ${pool} × ${pool} pixels were made one`]),
  ];
}

function describeSolver(solver: Solver): string {
  const steps =
    solver.method === 'dopri5'
      ? `rtol ${solver.rtol.toExponential()}, atol ${solver.atol.toExponential()}`
      : `${solver.steps} equal steps`;
  return `${solver.method}, ${steps}, ${solver.adjoint === 'backsolve' ? 'adjoint by backsolve' : 'adjoint by checkpointing'}`;
}

function describeEvaluation({ solver }: BudgetPlan['evaluation']): string {
  if (solver === undefined) return '';
  return `; for the exact likelihoods dopri5, rtol ${solver.rtol.toExponential()}, atol ${solver.atol.toExponential()}`;
}

function describeOptimiser({ name, learningRate, weightDecay }: Optimiser): string {
  return `${name === 'adamw' ? 'AdamW' : 'Adam'}, learning rate ${learningRate}, weight decay ${weightDecay.toExponential()}`;
}

function describeTraining(training: Training, round: Training): string {
  const { epochs, batch, rowsAtOnce, patience, decay, milestones, best } = training;
  const batches = `in batches of ${batch}${rowsAtOnce === undefined ? '' : `, ${rowsAtOnce} rows of it at a time`}`;
  if (patience === null) {
    const falls = milestones === undefined ? '' : `, learning rate a tenth from epochs ${milestones.join(' and ')} on`;
    return `${epochs} epochs a round ${batches}${falls}${best ? '; the epoch with the best validation loss is kept' : ''}`;
  }
  const falls =
    decay === undefined ? '' : `, also at ${decay.times} times a ${1 / decay.factor}th of the learning rate`;
  return `the dense model until its validation NLL has not improved for ${patience} epochs${falls} (at most ${epochs} epochs, best one kept), then ${round.epochs} epochs a round whose learning rate falls likewise, ${batches}`;
}

/** What a budget takes in place of the study's own settings. */
function insteadRemarks(study: Study, budget: Budget): string[] {
  const { instead = {} } = (isAnalysis(study) ? study.of[0]! : study).budgets[budget];
  const names = { net: 'net', solver: 'solver', optimiser: 'optimiser' } as const;
  const others = Object.keys(instead).map((name) => names[name as keyof typeof names]);
  const what = others.join(', ').replace(/, ([^,]*)$/, ' and $1');
  return [
    others.length > 0 &&
      `The ${budget} budget has a smaller or coarser ${what} than the paper; “How it was run” says which.`,
    fileDataOf(study, budget)?.whitened &&
      'Its flows get the rows whitened by the Gaussian, an exact change of variables, so that they begin near it; all likelihoods are those of the rows themselves.',
  ].filter((remark) => typeof remark === 'string');
}

/** What identifies a run of a study: together with the study it decides every point's address. */
export interface RunIdentity {
  readonly budget: Budget;
  readonly protocol: Protocol;
  readonly backend: string;
  readonly seeds: readonly number[];
  /** What the files of its data set hold, where it has any. */
  readonly found?: FoundData;
}

/**
 * Assembles result.json. `points` are in the order of the plan, whatever order they were computed in.
 *
 * @param known finished points by address; where some are missing, the result is marked partial.
 */
export function buildResult(
  study: Study,
  identity: RunIdentity,
  planned: readonly PlannedPoint[],
  known: ReadonlyMap<string, Point>,
  { run, machine, machines, versions }: Provenance,
): Result {
  const { budget, protocol, backend, seeds, found } = identity;
  const data = fileDataOf(study, budget);
  const reasons = data === undefined || found === undefined ? [] : reasonsAgainst(data, found);
  const wanted = planned.filter(({ prerequisite }) => prerequisite !== true);
  const isKnown = ({ address }: PlannedPoint): boolean => known.has(address);
  const points = wanted.filter(isKnown).map((point) => rowOf(point, known));
  const missing = wanted.filter((point) => !isKnown(point)).map(({ label }) => label);
  const variants = [...new Set(wanted.flatMap(({ variant }) => (variant === undefined ? [] : [variant])))];
  return {
    schema: 1,
    study: study.name,
    title: study.title,
    about: study.about,
    remarks: [...insteadRemarks(study, budget), ...study.remarks],
    ...(found === undefined ? {} : { dataset: { ...found } }),
    ...(reasons.length === 0 ? {} : { notComparable: `${reasons.join('; ')}.` }),
    budget,
    protocol,
    backend,
    seed: seeds[0]!,
    seeds: [...seeds],
    seconds: points.reduce((sum, { seconds }) => sum + seconds, 0),
    machine,
    ...(machines === undefined ? {} : { machines }),
    versions,
    run,
    settings: describeSettings(study, identity, planned),
    ...(isAnalysis(study) ? { analysis: study.budgets[budget].analysis.kind } : {}),
    ...(!isAnalysis(study) && study.task !== undefined ? { task: study.task } : {}),
    ...(variants.length > 0 ? { variants } : {}),
    ...(study.measures === undefined ? {} : { measures: study.measures.map(copyOf) }),
    ...(missing.length > 0 ? { partial: { planned: wanted.length, missing } } : {}),
    points,
    ...(!isAnalysis(study) && study.others !== undefined
      ? { others: study.others.map((other) => ({ ...other })) }
      : {}),
    paper: study.references.map((reference) => ({ ...reference })),
  };
}

function copyOf<T>(value: T): Mutable<T> {
  return structuredClone(value) as Mutable<T>;
}
type Mutable<T> = T extends object ? { -readonly [K in keyof T]: Mutable<T[K]> } : T;
