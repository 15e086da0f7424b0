/** How well samples fall on the modes of the data. */
export interface SampleQuality {
  readonly kind: 'sample-quality';
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
export type Analysis = SampleQuality | VectorFieldDrawing;

/** The names of the kinds, in no particular order. */
export const analysisKinds = ['sample-quality', 'vector-field'] as const satisfies readonly Analysis['kind'][];

/** In words, for readers of a report. */
export function describeAnalysis(analysis: Analysis): string {
  switch (analysis.kind) {
    case 'sample-quality':
      return `${analysis.repetitions} times ${analysis.samples} samples`;
    case 'vector-field':
      return `the field on ${analysis.grid} × ${analysis.grid} points, ${analysis.trajectories} trajectories from noise to data`;
  }
}
