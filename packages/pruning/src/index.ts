export type { Masks, NeuronAxis, NeuronGroup, Params } from '@sparseflow/tensor';
export { PruningError } from './errors.ts';
export { checkPruner } from './checkPruner.ts';
export { objectiveOf, type Objective } from './objective.ts';
export type { Pruner, PrunerNeed, PruningContext, Scores } from './pruner.ts';
export { activationSensitivity } from './pruners/activationSensitivity.ts';
export { fisher } from './pruners/fisher.ts';
export { fpgm } from './pruners/fpgm.ts';
export { lamp } from './pruners/lamp.ts';
export { magnitude } from './pruners/magnitude.ts';
export { magnitudeLocal } from './pruners/magnitudeLocal.ts';
export { movement } from './pruners/movement.ts';
export { neuronNorm } from './pruners/neuronNorm.ts';
export { neuronNormL2 } from './pruners/neuronNormL2.ts';
export { obd, optimalBrainDamage, type OptimalBrainDamageOptions } from './pruners/obd.ts';
export { randomNeurons } from './pruners/randomNeurons.ts';
export { randomWeights } from './pruners/randomWeights.ts';
export { requireBefore, requireInputs, requireKey, requireObjective } from './pruners/require.ts';
export { snip } from './pruners/snip.ts';
export { taylor } from './pruners/taylor.ts';
export { taylorNeurons } from './pruners/taylorNeurons.ts';
export { pruners } from './pruners/index.ts';
export { prune, type PruneOptions, type PruneResult } from './prune.ts';
export type { PruneSettings } from './settings.ts';
export { pruneNM, type PruneNMOptions } from './pruneNM.ts';
export type { NamePattern } from './patterns.ts';
export type { Block } from './select/blocks.ts';
export type { Counting } from './select/neurons.ts';
export { applyMasks } from './masks.ts';
export { compact, type Compactable, type Compacted, type UnitConstants } from './compact.ts';
export { shrink, type Shrunk } from './shrink.ts';
export { costReport, type CostOptions, type CostReport } from './cost.ts';
export { costTable } from './costTable.ts';
export { packMasks, unpackMasks, type PackedMask, type PackedMasks } from './storage.ts';
export { recordPruning, replayPruning, type PruningHistory, type PruningStep } from './history.ts';
export { countNonZero, sparsityReport, type Kept, type SparsityReport } from './report.ts';
export {
  constantRate,
  cubic,
  geometric,
  linear,
  paperKeepRatios,
  paperToyKeepRatios,
  type PaperTask,
} from './schedules.ts';
export { whileLossDecreases, type StopRule } from './stop.ts';
export {
  sparseFlow,
  type Metrics,
  type RetrainMode,
  type Round,
  type RoundSummary,
  type SparseFlowOptions,
  type SparseFlowResult,
  type Trained,
  type TrainingPhase,
} from './sparseFlow.ts';
