import { describeAnalysis } from './analysis.ts';
import { describeMachine, describeVersions } from './machine.ts';
import type { PlannedPoint, Training } from './plan.ts';
import type { Point, Result } from './results/schema.ts';
import type { Outcome } from './run/executor.ts';
import type { Budget, Net, Optimiser, Protocol, Solver, Study, TrainingStudy } from './study.ts';
import { isAnalysis } from './study.ts';

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
function describeSettings(study: Study, budget: Budget, points: readonly PlannedPoint[]): Result['settings'] {
  const bases: readonly TrainingStudy[] = isAnalysis(study) ? study.of : [study];
  /** One description, or one for each of the models by name where they differ. */
  const each = (describe: (base: TrainingStudy) => string): string => {
    const texts = bases.map((base) => `${bases.length > 1 ? `${base.name}: ` : ''}${describe(base)}`);
    return texts.join('; ');
  };
  return {
    data: each(({ budgets }) => {
      const { name, trainPerComponent, testPerComponent, validationShare } = budgets[budget].data;
      return `${name}, ${trainPerComponent} training and ${testPerComponent} test points per component, ${Math.round(validationShare * 100)} % of the training points held out`;
    }),
    net: each((base) => {
      const nets = varied(base, 'net', describeNet);
      if (base.task === 'classification') return `multilayer perceptron without time, ${nets}`;
      const traces = varied(base, 'divergence', (divergence) =>
        divergence === 'exact' ? 'the exact trace in training' : 'Hutchinson trace with Gaussian noise in training',
      );
      return `multilayer perceptron without time, ${nets}; ${traces}, exact trace in evaluation`;
    }),
    solver: each((base) => varied(base, 'solver', describeSolver)),
    optimiser: each((base) => `${varied(base, 'optimiser', describeOptimiser)}, started afresh in every round`),
    training: describeTraining(points[0]!.config.training, (points[1] ?? points[0])!.config.training),
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

function describeNet({ layers, hidden, activation }: Net): string {
  return `${layers} linear layers, ${hidden} hidden units, ${activation}`;
}

function describeSolver(solver: Solver): string {
  const steps =
    solver.method === 'dopri5'
      ? `rtol ${solver.rtol.toExponential()}, atol ${solver.atol.toExponential()}`
      : `${solver.steps} equal steps`;
  return `${solver.method}, ${steps}, ${solver.adjoint === 'backsolve' ? 'adjoint by backsolve' : 'adjoint by checkpointing'}`;
}

function describeOptimiser({ name, learningRate, weightDecay }: Optimiser): string {
  return `${name === 'adamw' ? 'AdamW' : 'Adam'}, learning rate ${learningRate}, weight decay ${weightDecay.toExponential()}`;
}

function describeTraining({ epochs, batch, patience, decay }: Training, round: Training): string {
  if (patience === null) return `${epochs} epochs a round in batches of ${batch}`;
  const falls =
    decay === undefined ? '' : `, also at ${decay.times} times a ${1 / decay.factor}th of the learning rate`;
  return `the dense model until its validation NLL has not improved for ${patience} epochs${falls} (at most ${epochs} epochs, best one kept), then ${round.epochs} epochs a round whose learning rate falls likewise, in batches of ${batch}`;
}

/** What identifies a run of a study: together with the study it decides every point's address. */
export interface RunIdentity {
  readonly budget: Budget;
  readonly protocol: Protocol;
  readonly backend: string;
  readonly seeds: number;
}

/** How a result came about; nothing in here changes its points. */
export type Provenance = Pick<Result, 'run' | 'machine' | 'machines' | 'versions'>;

/** What is known of a run on this machine. */
export function provenanceHere(run: Result['run']): Provenance {
  return { run, machine: describeMachine(), versions: describeVersions() };
}

/**
 * Assembles result.json. `points` are in the order of the plan, whatever order they were computed in.
 *
 * @param known finished points by address; where some are missing, the result is marked partial.
 */
export function buildResult(
  study: Study,
  { budget, protocol, backend, seeds }: RunIdentity,
  planned: readonly PlannedPoint[],
  known: ReadonlyMap<string, Point>,
  { run, machine, machines, versions }: Provenance,
): Result {
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
    remarks: [...study.remarks],
    budget,
    protocol,
    backend,
    seed: 0,
    seeds: Array.from({ length: seeds }, (_, seed) => seed),
    seconds: points.reduce((sum, { seconds }) => sum + seconds, 0),
    machine,
    ...(machines === undefined ? {} : { machines }),
    versions,
    run,
    settings: describeSettings(study, budget, planned),
    ...(isAnalysis(study) ? { analysis: study.budgets[budget].analysis.kind } : {}),
    ...(!isAnalysis(study) && study.task !== undefined ? { task: study.task } : {}),
    ...(variants.length > 0 ? { variants } : {}),
    ...(study.measures === undefined ? {} : { measures: study.measures.map(copyOf) }),
    ...(missing.length > 0 ? { partial: { planned: wanted.length, missing } } : {}),
    points,
    paper: study.references.map((reference) => ({ ...reference })),
  };
}

function copyOf<T>(value: T): Mutable<T> {
  return structuredClone(value) as Mutable<T>;
}
type Mutable<T> = T extends object ? { -readonly [K in keyof T]: Mutable<T[K]> } : T;
