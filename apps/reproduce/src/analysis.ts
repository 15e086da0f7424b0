/** The curvature of the loss at a trained flow: Hessian in the weights that are left, and the loss around it. */
export interface Curvature {
  readonly kind: 'curvature';
  /** Share of the training points in the loss, drawn at random with the seed. */
  readonly share: number;
  /** Lanczos steps for the largest eigenvalues, at most. */
  readonly steps: number;
  /** Probes of the trace by Hutchinson's estimator. */
  readonly traceSamples: number;
  /** The quadrature of the spectrum: the original's numbers of probes and steps. */
  readonly density: { readonly probes: number; readonly steps: number };
  /** Where as few parameters are left, all eigenvalues are computed, and nothing of the spectrum is an estimate. */
  readonly exactUpTo: number;
  /**
   * Points on the lines and on each side of the plane through the minimum. They reach `reach` along random directions, which have the
   * length of the weights of each neuron, and `reachTop` along the unit eigenvector of the largest eigenvalue.
   */
  readonly landscape: {
    readonly line: number;
    readonly plane: number;
    readonly reach: number;
    readonly reachTop: number;
  };
}

/** How well samples fall on the modes of the data. */
export interface SampleQuality {
  readonly kind: 'sample-quality';
  readonly samples: number;
  readonly repetitions: number;
}

/** The same for images, in pixels: the modes are the classes of the data. */
export interface ImageQuality {
  readonly kind: 'image-quality';
  readonly samples: number;
  readonly repetitions: number;
}

/** The vector field over the plane, and the ways of samples from noise to data. */
export interface VectorFieldDrawing {
  readonly kind: 'vector-field';
  /** The field on a `grid` × `grid` square. */
  readonly grid: number;
  readonly trajectories: number;
  /** Positions on each trajectory. */
  readonly times: number;
}

/** What an analysis does with a trained model: plain data, part of the configuration of its points. */
export type Analysis = Curvature | SampleQuality | ImageQuality | VectorFieldDrawing;

/** The names of the kinds, in no particular order. */
export const analysisKinds = [
  'curvature',
  'sample-quality',
  'image-quality',
  'vector-field',
] as const satisfies readonly Analysis['kind'][];

/** In words, for readers of a report. */
export function describeAnalysis(analysis: Analysis): string {
  switch (analysis.kind) {
    case 'curvature': {
      const { share, steps, traceSamples, density, exactUpTo } = analysis;
      return `mean NLL (exact trace) on a random ${share * 100} % of the training points, at the parameters that are left; at most ${steps} Lanczos steps for the largest eigenvalue, ${traceSamples} probes for the trace, stochastic Lanczos quadrature with ${density.probes} probes of ${density.steps} steps${exactUpTo > 0 ? `; all eigenvalues where at most ${exactUpTo} parameters are left` : ''}`;
    }
    case 'sample-quality':
    case 'image-quality':
      return `${analysis.repetitions} times ${analysis.samples} samples`;
    case 'vector-field':
      return `the field on ${analysis.grid} × ${analysis.grid} points, ${analysis.trajectories} trajectories from noise to data`;
  }
}
