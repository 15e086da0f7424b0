import { paperToyKeepRatios } from '@sparseflow/pruning';
import type { Analysis } from './analysis.ts';

/** What decides how much is computed. */
export const budgets = ['smoke', 'quick', 'paper'] as const;
export type Budget = (typeof budgets)[number];

/**
 * `paper` trains every round for a fixed number of epochs; `converged` first trains the dense model until its validation loss has
 * stopped improving, and prunes it by the same schedule from there.
 */
export const protocols = ['paper', 'converged'] as const;
export type Protocol = (typeof protocols)[number];

/**
 * How a point came to be.
 * - `dense`: the flow before any pruning, trained once per seed; every other chain of that seed starts from it.
 * - `unstructured`, `structured`: the two pruners of the paper's Table 1.
 * - `random`: weights removed at random, to the same ratios as `unstructured`.
 * - `control`: never pruned, but trained round by round exactly like the pruned chains.
 * - `gaussian`: not a flow but the normal distribution with the training rows' mean and covariance, to see what a flow is worth.
 */
export const methods = ['gaussian', 'dense', 'unstructured', 'structured', 'random', 'control'] as const;
export type OwnMethod = (typeof methods)[number];
/** A chain that `--pruner` asked for. */
export type PrunerMethod = `pruner:${string}`;
export type Method = OwnMethod | PrunerMethod;
export type ChainMethod = Exclude<OwnMethod, 'dense' | 'gaussian'>;

/** The control of pruners of neurons, where `--pruner` asked for it. */
export const randomNeurons: Method = 'pruner:random-neurons';

/** The name of the pruner behind a method that `--pruner` asked for; undefined for a study's own methods. */
export function prunerNameOf(method: Method): string | undefined {
  return method.startsWith('pruner:') ? method.slice('pruner:'.length) : undefined;
}
export const chainMethods = [
  'unstructured',
  'structured',
  'random',
  'control',
] as const satisfies readonly ChainMethod[];

/** Two-dimensional toy data: which generator, and how many points per mode or arm. */
export interface ToyData {
  readonly name: 'gaussians' | 'gaussians-spiral' | 'spirals' | 'moons';
  readonly trainPerComponent: number;
  readonly testPerComponent: number;
  /** Share of the training points that is held out. */
  readonly validationShare: number;
}

/** Rows that lie in files: which data set, and how much of it. */
export interface FileData {
  readonly name: 'power' | 'gas' | 'hepmass' | 'miniboone' | 'bsds300' | 'mnist' | 'cifar10';
  /** The first rows of each split, where not all of them are used. */
  readonly rows?: { readonly train: number; readonly validation: number; readonly test: number };
  /** Of images: as many pixels in a row and in a column are made one, their mean. */
  readonly pool?: number;
  /**
   * Flows get the rows in coordinates in which the training rows have mean 0 and covariance 1, so that they begin near the Gaussian; the
   * likelihoods are those of the rows themselves.
   */
  readonly whitened?: true;
}

/** What the files of a data set hold: part of every point's configuration, so that an excerpt's numbers are never taken for the whole set's. */
export interface FoundData {
  /** Hash of the numbers of rows and of rows from all over each split. */
  readonly fingerprint: string;
  readonly train: number;
  readonly validation: number;
  readonly test: number;
  /** Why likelihoods cannot be compared with published ones; null where they can. */
  readonly reason: string | null;
}

export function isInFiles(data: ToyData | FileData): data is FileData {
  return !('trainPerComponent' in data);
}

type Activation = 'sigmoid' | 'tanh' | 'softplus' | 'relu';

/** A multilayer perceptron of the plane, without time. */
export interface MlpNet {
  /** Linear layers, the last one included. */
  readonly layers: number;
  readonly hidden: number;
  readonly activation: Activation;
}

/** FFJORD's flow for tables: blocks of concatsquash nets with trained end times, one after another. */
export interface StackedNet {
  readonly kind: 'stacked';
  readonly dim: number;
  readonly hidden: readonly number[];
  readonly blocks: number;
  readonly activation: Activation;
}

/** FFJORD's multi-scale flow for images. */
export interface MultiscaleNet {
  readonly kind: 'multiscale';
  readonly shape: readonly [height: number, width: number, channels: number];
  /** Channels of the hidden convolutions. */
  readonly hidden: readonly number[];
  /** Before and after each squeeze. */
  readonly blocks: number;
  readonly activation: Activation;
}

export type Net = MlpNet | StackedNet | MultiscaleNet;

export function isMlp(net: Net): net is MlpNet {
  return !('kind' in net);
}

/** A solver with step control, or one with a number of equal steps. */
export type Solver = (
  | { readonly method: 'dopri5'; readonly rtol: number; readonly atol: number }
  | { readonly method: 'rk4' | 'euler'; readonly steps: number }
) & {
  /**
   * `backsolve` is the paper's adjoint, with the error norm taken over state and adjoint only; `checkpoint` gives the exact gradient of
   * the discrete solution, which is what differentiating through the solver gives.
   */
  readonly adjoint: 'backsolve' | 'checkpoint';
};

/** What is learned: a density of points (a continuous normalizing flow), or their classes (a neural ODE classifier). */
export type TaskName = 'density' | 'classification';

export interface Optimiser {
  /** `adam` has the L2 kind of weight decay, `adamw` the decoupled one. */
  readonly name: 'adam' | 'adamw';
  readonly learningRate: number;
  readonly weightDecay: number;
}

/** What a budget changes; everything else of a study is the paper's at every budget. */
export interface BudgetPlan {
  readonly seeds: number;
  readonly data: ToyData | FileData;
  /** Settings that stand for the study's own, where those cost too much for the budget; the report says so. */
  readonly instead?: Partial<Pick<TrainingStudy, 'net' | 'solver' | 'optimiser'>>;
  /** Epochs at whose beginning the learning rate falls to a tenth. */
  readonly milestones?: readonly number[];
  /** Keep the parameters of the epoch with the best validation loss, not the last. */
  readonly best?: true;
  /** Epochs of every round. */
  readonly epochs: number;
  readonly batch: number;
  /** Rows of a batch that go through the flow at once, where all need too much memory; each part has steps and noise of its own. */
  readonly rowsAtOnce?: number;
  /** Share of the dense size that is kept, decreasing; one round of Algorithm 1 each. */
  readonly keepRatios: readonly number[];
  /**
   * Field evaluations of an adaptive step at the end of a training, divided by those of the first step, on average over the points of the
   * published results: a random field is nearly linear in time, a trained one is not. Absent: not known.
   */
  readonly growth?: number;
  readonly evaluation: {
    /** Rows of each split that enter its likelihood, the first ones; Infinity is not JSON, so `null` means all. */
    readonly trainRows: number | null;
    readonly validationRows: number | null;
    readonly testRows: number | null;
    /** The figures show `grid` × `grid` cells of a square, and as many samples; of images only samples. */
    readonly grid: number;
    readonly samples: number;
    /** Tolerances of dopri5 for the exact likelihoods, where the steps of training are too coarse for them. */
    readonly solver?: { readonly rtol: number; readonly atol: number };
    /** Of classifiers: how their robustness is measured; absent: not at all. */
    readonly robustness?: {
      /** The decision boundary is looked for on `grid` × `grid` points of a square with half side `extent`. */
      readonly grid: number;
      readonly extent: number;
      /** Standard deviations of the noise on the inputs, in units of the normalised data, and draws of each. */
      readonly sigmas: readonly number[];
      readonly repeats: number;
    };
  };
  /** Keep ratios whose densities are drawn, besides the dense flow's. */
  readonly drawn: readonly number[];
}

/** A number to print beside ours, and where it comes from. */
export interface Reference {
  /** `paper`: printed in the paper. `original code`: the authors' published code, run by us. */
  readonly source: 'paper' | 'original code';
  readonly where: string;
  readonly method: OwnMethod;
  /** Share of the parameters that was removed, in [0, 1]. */
  readonly pruneRatio: number;
  /** Nats, on the test set. */
  readonly testNll: number;
  /** Null where the source does not say. */
  readonly seed: number | null;
  readonly nfeForward: number | null;
  readonly nfeBackward: number | null;
  readonly note: string | null;
}

/** One of several settings that a study compares. What is absent is the study's. */
export interface Variant {
  /** Short: it stands in tables and above figures. */
  readonly label: string;
  readonly net?: Net;
  readonly solver?: Solver;
  readonly optimiser?: Optimiser;
  readonly divergence?: 'exact';
}

/** A number that is measured of trained models besides their likelihood: a column of the report. */
export interface Measure {
  /** Its key among a point's quantities. */
  readonly name: string;
  readonly label: string;
  /** One sentence: what it is. */
  readonly about: string;
  readonly digits: number;
  /** Which way is good, where one is. */
  readonly better?: 'higher' | 'lower';
  /** Shown divided by the dense model's of the same seed. */
  readonly relative?: boolean;
  /** Prune ratios that the sentences and the table of contributions are about; absent: all, and sentences are about the best one. */
  readonly at?: readonly number[];
  /** Drawn against prune ratio. */
  readonly curve?: boolean;
  /** Of what is counted: how many there are, of a variant or of all. */
  readonly most?: readonly { readonly variant?: string; readonly value: number }[];
  readonly published: readonly {
    /** Of the same variant, or of all. */
    readonly variant?: string;
    readonly method: OwnMethod;
    readonly pruneRatio: number;
    readonly value: number;
    readonly where: string;
  }[];
}

/** Another model in the paper's table. */
export interface OtherModel {
  readonly model: string;
  readonly value: number;
  readonly parameters: number | null;
}

interface StudyBase {
  readonly name: string;
  /** Absent: the paper's. */
  readonly protocol?: Protocol;
  readonly title: string;
  /** One sentence: what the reader learns from it. */
  readonly about: string;
  readonly references: readonly Reference[];
  /** What a reader must know before comparing with the paper. */
  readonly remarks: readonly string[];
  readonly measures?: readonly Measure[];
}

/** A study that trains and prunes: per seed (and variant) the dense model, then a chain of rounds per method. */
export interface TrainingStudy extends StudyBase {
  /** Default density. */
  readonly task?: TaskName;
  readonly net: Net;
  readonly solver: Solver;
  readonly optimiser: Optimiser;
  /** How training estimates the trace: with the exact one if so named, by Hutchinson's estimator otherwise. */
  readonly divergence?: 'exact';
  readonly budgets: Readonly<Record<Budget, BudgetPlan>>;
  /** Compared settings, each trained and pruned as a whole; absent: one, the study's own. */
  readonly variants?: readonly Variant[];
  /** Half the side of the square on which densities are drawn, in units of the normalised data; of images 1. Absent: nothing is drawn. */
  readonly extent?: number;
  /** What the paper prints of other models: in nats, of images in bits a dimension. */
  readonly others?: readonly OtherModel[];
}

/** What a budget changes in the analysis of trained models. */
export interface AnalysisPlan {
  /** Default: those of the studies whose models are analysed. */
  readonly seeds?: number;
  readonly methods: readonly ChainMethod[];
  /** Each stands for the nearest ratio of the analysed study. */
  readonly pruneRatios: readonly number[];
  readonly analysis: Analysis;
}

/** A study that looks at the models of others, which it trains only where they are not there yet. */
export interface AnalysisStudy extends StudyBase {
  /** Where there are several, their names are the labels of the variants. */
  readonly of: readonly TrainingStudy[];
  readonly budgets: Readonly<Record<Budget, AnalysisPlan>>;
}

/** A study as plain data. A new one is one file in studies/ and one line in studies/index.ts. */
export type Study = TrainingStudy | AnalysisStudy;

export function isAnalysis(study: Study): study is AnalysisStudy {
  return 'of' in study;
}

/** A study under a protocol. Other protocols than the paper's have names of their own, so that both stand in one report. */
export function underProtocol<S extends Study>(study: S, protocol: Protocol): S {
  if (protocol === 'paper') return study;
  return {
    ...study,
    protocol,
    name: `${study.name}-${protocol}`,
    title: `${study.title}, from a ${protocol} dense model`,
  };
}

/** The name that a study has under the paper's protocol. */
export function nameInPaper({ study, protocol }: { readonly study: string; readonly protocol: Protocol }): string {
  const suffix = `-${protocol}`;
  return protocol !== 'paper' && study.endsWith(suffix) ? study.slice(0, -suffix.length) : study;
}

export function isTraining(study: Study): study is TrainingStudy {
  return !isAnalysis(study);
}

/** What a study trains with at a budget. */
export function settingsOf(study: TrainingStudy, budget: Budget): TrainingStudy {
  return { ...study, ...study.budgets[budget].instead };
}

/** The data set in files that a study needs at a budget, if it needs any. An analysis of several studies is of toys. */
export function fileDataOf(study: Study, budget: Budget): FileData | undefined {
  const { data } = (isAnalysis(study) ? study.of[0]! : study).budgets[budget];
  return isInFiles(data) ? data : undefined;
}

/** The keep ratios of the paper's toy experiments. */
export const toyKeepRatios: readonly number[] = paperToyKeepRatios();

/** A prune ratio, and those of the paper's toy experiments that stand for it at the paper budget. */
export function ratiosNear(pruneRatio: number): number[] {
  return [pruneRatio, ...toyKeepRatios.map((keep) => 1 - keep).filter((ratio) => Math.abs(ratio - pruneRatio) < 0.016)];
}
