import type { Settings } from './settings.ts';

/**
 * What the page and its worker say to each other, all of it. The page asks ({@link Request}), the worker answers and reports
 * ({@link Report}). Arrays are transferred, not copied.
 */

/**
 * - `dense`: the model before any pruning.
 * - `sparse`: pruned, and trained on.
 * - `control`: what `dense` becomes when it is trained on exactly like `sparse`, but never pruned.
 */
export const modelNames = ['dense', 'sparse', 'control'] as const;
export type ModelName = (typeof modelNames)[number];

export const viewNames = ['density', 'samples', 'field', 'trajectories'] as const;
export type ViewName = (typeof viewNames)[number];

export const backendNames = ['wasm', 'webgpu'] as const;
export type BackendName = (typeof backendNames)[number];

/** Whole neurons, or single weights. */
export type Structure = 'unstructured' | 'structured';

/** Rows and columns, row-major. */
export interface Matrix {
  readonly name: string;
  readonly rows: number;
  readonly columns: number;
  readonly values: Float32Array;
  /** 0 where pruned; absent where nothing is. */
  readonly mask?: Uint8Array;
}

export type Request =
  /** Starts afresh, or from a saved state. */
  | { readonly type: 'open'; readonly settings: Settings; readonly kept?: readonly KeptModel[] }
  | { readonly type: 'run' }
  | { readonly type: 'pause' }
  | { readonly type: 'step' }
  | { readonly type: 'view'; readonly view: ViewName }
  /** Prunes a copy of the dense model at once; training then goes on with it and the control. */
  | { readonly type: 'prune'; readonly structure: Structure; readonly keep: number }
  /** Algorithm 1: prunes in rounds of so many steps, down to `keep`. */
  | {
      readonly type: 'sparseFlow';
      readonly structure: Structure;
      readonly keep: number;
      readonly rounds: number;
      readonly steps: number;
    }
  /** Drops the pruned model and the control. */
  | { readonly type: 'unprune' }
  | { readonly type: 'backend'; readonly name: BackendName }
  | {
      readonly type: 'load';
      readonly name: string;
      readonly bytes: Uint8Array<ArrayBuffer>;
      readonly settings: Settings;
    }
  | { readonly type: 'save'; readonly model: ModelName }
  /** All models, so that the page can be left and come back to. */
  | { readonly type: 'keep' }
  | { readonly type: 'curvature' }
  /** Ends a measurement of curvature. Not queued. */
  | { readonly type: 'cancel' };

/** A model with all that its training needs to go on: the bytes of a checkpoint file. */
export interface KeptModel {
  readonly name: ModelName;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export interface DataReport {
  readonly name: string;
  /** x, y, x, y, … of the test points, at most a few thousand. */
  readonly points: Float32Array;
  readonly labels?: Uint8Array;
  readonly trainCount: number;
  readonly testCount: number;
  /** Half the side of the square that shows them. */
  readonly extent: number;
}

export interface ModelReport {
  readonly name: ModelName;
  readonly steps: number;
  readonly parameters: number;
  /** Those that no mask removes. */
  readonly kept: number;
  readonly neurons: number;
  readonly neuronsKept: number;
}

/** Mean -log p over test points, of positions or of labels, in nats. */
export interface Measured {
  readonly nll: number;
  readonly standardError: number;
  /** Of a classifier: share of right answers. */
  readonly accuracy?: number;
}

export interface BackendReport {
  readonly name: BackendName;
  /** Such as "WebAssembly, 2 threads". */
  readonly text: string;
  /** Why it is not faster, where there is a reason. */
  readonly because?: string;
}

export interface Status {
  readonly running: boolean;
  readonly settings: Settings;
  readonly backend: BackendReport;
  readonly models: readonly ModelReport[];
  /** Those that take part in a step. */
  readonly training: readonly ModelName[];
  /** Of Algorithm 1, while it runs. */
  readonly round?: { readonly round: number; readonly rounds: number; readonly keep: number };
}

/** Steps since the last such report, in equal arrays. */
export interface Progress {
  readonly model: ModelName;
  readonly steps: Float64Array;
  readonly loss: Float64Array;
  /** Evaluations of the field, forward and backward. */
  readonly nfe: Float64Array;
  /** Share of the parameters that is left. */
  readonly kept: number;
  /** How long one of its steps takes, in milliseconds. */
  readonly ms: number;
}

/** Where particles are at each of some times. */
export interface Paths {
  readonly times: readonly number[];
  readonly count: number;
  /** [times, count, 2] */
  readonly values: Float32Array;
  /** Of a classifier: the class of each particle. */
  readonly labels?: Uint8Array;
}

/** What a pane shows. Grids are square, rows from the lowest y up. */
export interface Picture {
  readonly model: ModelName;
  readonly view: ViewName;
  readonly step: number;
  readonly measured: Measured;
  readonly extent: number;
  readonly side: number;
  /** log p, or of a classifier the probability of class 1; in the field's view |f|. */
  readonly values: Float32Array;
  readonly samples?: Float32Array;
  /** f at the cells of the grid, x, y, x, y, … */
  readonly vectors?: Float32Array;
  readonly paths?: Paths;
}

/** An estimate, and what is known of its error. */
export interface Estimated {
  readonly value: number;
  readonly error: number;
}

export interface CurvatureReport {
  readonly model: ModelName;
  /** Largest eigenvalue of the Hessian of the loss, in the parameters that are left; the error is its residual. */
  readonly top: Estimated;
  /** With its standard error. */
  readonly trace: Estimated;
  readonly points: number;
  readonly products: number;
  readonly converged: boolean;
}

export type Notice = { readonly level: 'info' | 'warning' | 'error'; readonly text: string };

export type Report =
  | { readonly type: 'data'; readonly data: DataReport }
  | { readonly type: 'status'; readonly status: Status }
  /** What was plotted before is of another run. */
  | { readonly type: 'fresh' }
  | {
      readonly type: 'progress';
      readonly progress: readonly Progress[];
      readonly stepsPerSecond: number;
      readonly stepMs: number;
    }
  | { readonly type: 'picture'; readonly picture: Picture }
  | { readonly type: 'weights'; readonly model: ModelName; readonly matrices: readonly Matrix[] }
  | { readonly type: 'saved'; readonly name: string; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly type: 'kept'; readonly settings: Settings; readonly models: readonly KeptModel[] }
  | { readonly type: 'curvature'; readonly curvature: CurvatureReport }
  | { readonly type: 'measuring'; readonly done: number; readonly of: number }
  | { readonly type: 'notice'; readonly notice: Notice };
