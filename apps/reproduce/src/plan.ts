import type { Analysis } from './analysis.ts';
import type { PrunerChoice } from './pruners.ts';
import { contentAddress } from './results/canonicalJson.ts';
import type {
  AnalysisStudy,
  Budget,
  BudgetPlan,
  FileData,
  FoundData,
  Method,
  Net,
  Optimiser,
  Protocol,
  Solver,
  Study,
  TaskName,
  ToyData,
  TrainingStudy,
  Variant,
} from './study.ts';
import { chainMethods, isAnalysis, isInFiles, isMlp, prunerNameOf, settingsOf } from './study.ts';

/** Raised whenever the same configuration would give other numbers, so that kept points of older versions are not mixed in. */
const numericsVersion = 1;

/** When a round of training ends. */
export interface Training {
  /** Epochs of the round; with `patience`, the most it may take. */
  readonly epochs: number;
  readonly batch: number;
  /** Rows that go through the flow at once; absent: the whole batch. */
  readonly rowsAtOnce?: number;
  /** Epochs without a better validation loss after which the round ends and its best parameters are kept; null trains all epochs. */
  readonly patience: number | null;
  /** How often the learning rate is multiplied by `factor`; when, says `learningRateFactor`. Absent: it stays. */
  readonly decay?: { readonly factor: number; readonly times: number };
  /** Epochs at whose beginning the learning rate falls to a tenth. */
  readonly milestones?: readonly number[];
  /** The parameters of the epoch with the best validation loss are kept. */
  readonly best?: true;
}

/**
 * What a round is under a protocol. `converged` trains the dense model until its validation loss has stopped improving, also at a hundredth
 * of the learning rate; its rounds, the control's too, are as long as the paper's, and end at that rate.
 */
function trainingOf(protocol: Protocol, plan: BudgetPlan, round: number): Training {
  const { epochs, batch, milestones, best, rowsAtOnce } = plan;
  const parts = rowsAtOnce === undefined ? {} : { rowsAtOnce };
  const kept = { ...(best === undefined ? {} : { best }), ...parts };
  if (protocol === 'paper')
    return { epochs, batch, patience: null, ...(milestones === undefined ? {} : { milestones }), ...kept };
  const decay = { factor: 0.1, times: 2 };
  if (round > 0) return { epochs, batch, patience: null, decay, ...kept };
  return { epochs: epochs * 10, batch, patience: Math.max(2, Math.ceil(epochs / 5)), decay, ...parts };
}

/**
 * Everything that decides a point's numbers, and nothing else: its content address is the hash of this object. `parent` is the address
 * of the point whose parameters and mask it continues from, so the whole history counts. A field that was added later is absent where it
 * says nothing new, so that the addresses of earlier points stay what they were.
 */
export interface PointConfig {
  readonly numerics: number;
  readonly data: ToyData | (FileData & { readonly found: FoundData });
  /** Absent: density. */
  readonly task?: TaskName;
  readonly net: Net;
  readonly solver: Solver;
  readonly optimiser: Optimiser;
  /** How training estimates the trace; absent: by Hutchinson's estimator. */
  readonly divergence?: 'exact';
  readonly training: Training;
  readonly evaluation: BudgetPlan['evaluation'];
  /** Whether an artefact is kept for the figures, and the half side of the square that they show. */
  readonly draw: { readonly extent: number } | null;
  readonly method: Method;
  /** Hash of the pruner's file, for one that is not built in. */
  readonly prunerSource?: string;
  /** 0 for the dense point, then 1, 2, … */
  readonly round: number;
  /** Share of the dense size that is kept; 1 for dense and control. */
  readonly keepRatio: number;
  readonly seed: number;
  readonly backend: string;
  readonly parent: string | null;
  /** Present: nothing is trained; this is done with the model of `parent`, which the other fields describe. */
  readonly analysis?: Analysis;
}

/** Something to be computed: training and evaluating one model, or analysing a trained one. */
export interface PlannedPoint {
  /** Name of the study that it is planned for. */
  readonly study: string;
  /** Folder of its files: the data set's name, so that studies of the same models share them. */
  readonly folder: string;
  readonly address: string;
  readonly config: PointConfig;
  /** Ratio of the pruned points of the same round, also for the control that stands beside them. */
  readonly pruneRatio: number;
  /** Relative cost, for the estimate of the remaining time. */
  readonly work: number;
  /** How many times as long a step takes at the end of the training as at its start. */
  readonly growth: number;
  /** Shown in progress lines, such as `gaussians seed 0 unstructured 60 %`. */
  readonly label: string;
  /** Label of the setting, in a study that compares several. */
  readonly variant?: string;
  /** A model that an analysis needs and that is no row of the study itself. */
  readonly prerequisite?: boolean;
  /** For the methods that `--pruner` asked for. */
  readonly pruner?: PrunerChoice;
  /** What the parent's training continued from: its parent. */
  readonly grandparent?: string | null;
}

export interface PlanOptions {
  readonly budget: Budget;
  readonly protocol: Protocol;
  readonly seeds: readonly number[];
  readonly backend: string;
  readonly pruners?: readonly PrunerChoice[];
  /** What the files of the study's data set hold; absent: nothing is known, and only toy studies can be planned. */
  readonly found?: FoundData;
}

/** `ratio` in percent with at most one decimal, such as `60` or `58.5`. */
export function percent(ratio: number): string {
  return String(Math.round(ratio * 1000) / 10);
}

/** 1 - keep without the noise of binary fractions: .4 gives .6. */
export function pruneRatioOf(keepRatio: number): number {
  return Math.round((1 - keepRatio) * 1e9) / 1e9;
}

/** The seeds of a study when nobody says otherwise. */
export function seedsOf(study: Study, budget: Budget): number[] {
  const count = isAnalysis(study)
    ? (study.budgets[budget].seeds ?? Math.min(...study.of.map((base) => base.budgets[budget].seeds)))
    : study.budgets[budget].seeds;
  return Array.from({ length: count }, (_, seed) => seed);
}

/** Every point of a study, parents before children, each once. */
export function planStudy(study: Study, options: PlanOptions): PlannedPoint[] {
  const points = isAnalysis(study)
    ? study.of.flatMap((base) => planAnalysis(study, base, options))
    : (study.variants ?? [undefined]).flatMap((variant) => planTraining(study, variant, options));
  return [...new Map(points.map((point) => [point.address, point])).values()];
}

/** Where nothing is published: the flows of the original code grew from 20 + 22 to 44 + 34 evaluations, ours of gaussians by 2.4. */
const commonGrowth = 2.2;

/**
 * Per seed the dense model, then one chain of rounds per method. All chains of a seed share its dense point. Densities are drawn for the
 * first seed only, for the dense flow and at the plan's `drawn` ratios.
 */
function planTraining(study: TrainingStudy, variant: Variant | undefined, options: PlanOptions): PlannedPoint[] {
  const plan = study.budgets[options.budget];
  const { net, solver, optimiser, divergence } = { ...settingsOf(study, options.budget), ...variant };
  const { found } = options;
  if (isInFiles(plan.data) && found === undefined) return [];
  const data = isInFiles(plan.data) ? { ...plan.data, found: found! } : plan.data;
  const { extent } = study;
  const name = variant === undefined ? study.name : `${study.name} ${variant.label}`;
  const points: PlannedPoint[] = [];

  const add = (
    seed: number,
    method: Method,
    round: number,
    keepRatio: number,
    parent: PlannedPoint | null,
    pruner?: PrunerChoice,
  ): PlannedPoint => {
    const pruned = method === 'dense' || method === 'control' || method === 'gaussian' ? 1 : keepRatio;
    const drawn =
      extent !== undefined &&
      seed === 0 &&
      method !== 'gaussian' &&
      (method === 'dense' || (method !== 'random' && pruner === undefined && plan.drawn.includes(keepRatio)));
    const config: PointConfig = {
      numerics: numericsVersion,
      data,
      ...(study.task === undefined ? {} : { task: study.task }),
      net,
      solver,
      optimiser,
      ...(divergence === undefined ? {} : { divergence }),
      training:
        method === 'gaussian'
          ? { epochs: 0, batch: plan.batch, patience: null }
          : trainingOf(options.protocol, plan, round),
      evaluation: plan.evaluation,
      draw: drawn ? { extent } : null,
      method,
      ...(pruner?.source ? { prunerSource: pruner.source } : {}),
      round,
      keepRatio: pruned,
      seed,
      backend: options.backend,
      parent: parent?.address ?? null,
    };
    const pruneRatio = pruneRatioOf(keepRatio);
    const at = method === 'dense' || method === 'gaussian' ? '' : ` ${percent(pruneRatio)} %`;
    const point: PlannedPoint = {
      study: study.name,
      folder: data.name,
      address: contentAddress(config),
      config,
      pruneRatio,
      work: method === 'gaussian' ? 0 : plan.epochs,
      growth: solver.method === 'dopri5' ? (plan.growth ?? commonGrowth) : 1,
      label: `${name} seed ${seed} ${pruner?.name ?? method}${at}`,
      ...(variant === undefined ? {} : { variant: variant.label }),
      ...(pruner ? { pruner, grandparent: parent?.config.parent ?? null } : {}),
    };
    points.push(point);
    return point;
  };

  if (!isMlp(net) && net.kind === 'stacked' && options.seeds.length > 0) add(0, 'gaussian', 0, 1, null);
  for (const seed of options.seeds) {
    const dense = add(seed, 'dense', 0, 1, null);
    const chains = [
      ...chainMethods.map((method) => ({ method, pruner: undefined })),
      ...(options.pruners ?? []).map((pruner) => ({ method: `pruner:${pruner.name}` as const, pruner })),
    ];
    for (const { method, pruner } of chains) {
      let parent = dense;
      plan.keepRatios.forEach((keepRatio, i) => (parent = add(seed, method, i + 1, keepRatio, parent, pruner)));
    }
  }
  return points;
}

/** The models that are analysed, what they continue from, and after each its analysis. The models are those that their own study plans. */
function planAnalysis(study: AnalysisStudy, base: TrainingStudy, options: PlanOptions): PlannedPoint[] {
  const { methods, pruneRatios, analysis } = study.budgets[options.budget];
  const models = planTraining(base, undefined, options);
  const byAddress = new Map(models.map((model) => [model.address, model]));
  const ratios = base.budgets[options.budget].keepRatios.map(pruneRatioOf);
  const chosenRatios = new Set(
    pruneRatios.map((wanted) => ratios.reduce((a, b) => (Math.abs(b - wanted) < Math.abs(a - wanted) ? b : a))),
  );
  const isChosen = ({ config: { method }, pruneRatio }: PlannedPoint): boolean =>
    method === 'dense' ||
    (chosenRatios.has(pruneRatio) &&
      ((methods as readonly Method[]).includes(method) || prunerNameOf(method) !== undefined));
  const chosen = models.filter(isChosen);

  const needed = new Set<string>();
  for (const model of chosen) {
    for (let at: PlannedPoint | undefined = model; at !== undefined && !needed.has(at.address);) {
      needed.add(at.address);
      at = at.config.parent === null ? undefined : byAddress.get(at.config.parent);
    }
  }
  return models.flatMap((model): PlannedPoint[] => {
    if (!needed.has(model.address)) return [];
    const trained = { ...model, study: study.name, prerequisite: true };
    if (!isChosen(model)) return [trained];
    const config: PointConfig = { ...model.config, draw: { extent: base.extent! }, parent: model.address, analysis };
    const { folder, pruneRatio, work, growth } = model;
    const analysed: PlannedPoint = {
      study: study.name,
      folder,
      address: contentAddress(config),
      config,
      pruneRatio,
      work,
      growth,
      label: `${study.name} of ${model.label}`,
      ...(study.of.length > 1 ? { variant: base.name } : {}),
    };
    return [trained, analysed];
  });
}
