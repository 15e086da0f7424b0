export type { Masks, NeuronAxis, NeuronGroup, Params } from '@sparseflow/tensor';
export { PruningError } from './errors.ts';
export type { Pruner, PruningContext, Scores } from './pruner.ts';
export { magnitude } from './pruners/magnitude.ts';
export { neuronNorm } from './pruners/neuronNorm.ts';
export { randomNeurons } from './pruners/randomNeurons.ts';
export { randomWeights } from './pruners/randomWeights.ts';
export { requireKey } from './pruners/requireKey.ts';
export { pruners } from './pruners/index.ts';
export { prune, type PruneOptions, type PruneResult, type PruneSettings } from './prune.ts';
export type { Counting } from './select/neurons.ts';
export { applyMasks } from './masks.ts';
export { countNonZero, sparsityReport, type Kept, type SparsityReport } from './report.ts';
export { constantRate, geometric, linear, paperKeepRatios, paperToyKeepRatios, type PaperTask } from './schedules.ts';
export { whileLossDecreases, type StopRule } from './stop.ts';
export {
  sparseFlow,
  type Metrics,
  type Round,
  type RoundSummary,
  type SparseFlowOptions,
  type SparseFlowResult,
  type Trained,
} from './sparseFlow.ts';
