export { HessianError, RecordMismatchError } from './errors.ts';
export {
  empiricalFisherOperator,
  gaussNewtonOperator,
  hessianOperator,
  type OperatorOptions,
  type WeightedBatch,
} from './hessian.ts';
export type { KrylovState } from './krylov.ts';
export { filterNormalizedDirection, landscape, type Landscape, type LandscapeOptions } from './landscape.ts';
export { lanczos, type EigenOptions, type EigenResult, type LanczosOptions } from './lanczos.ts';
export { unflatten, type Layout } from './layout.ts';
export { restrict, restrictTo, type CurvatureOperator, type RestrictedOperator } from './operator.ts';
export { powerIteration } from './powerIteration.ts';
export { memoryRecord, resumable, type ProductRecord, type ResumableOptions } from './resumable.ts';
export { spectralDensity, type DensityOptions, type SpectralDensity } from './spectralDensity.ts';
export { diagonalEstimate, hutchinsonTrace, hutchPlusPlusTrace, type Estimate, type TraceOptions } from './trace.ts';
