export { adam, adamW, type AdamOptions, type AdamState } from './adam.ts';
export { chain, type ChainState } from './chain.ts';
export {
  decodeCheckpoint,
  disposeCheckpoint,
  encodeCheckpoint,
  type Checkpoint,
  type EpochRecord,
  type TrainingCursor,
} from './checkpoint.ts';
export { memoryCheckpointStore, type CheckpointStore } from './checkpointStore.ts';
export { clipByGlobalNorm, clipByValue, globalNorm } from './clip.ts';
export { CorruptCheckpointError, ResumeMismatchError, SafetensorsError, TrainingDivergedError } from './errors.ts';
export { fit } from './fit.ts';
export type { EpochEvent, FitOptions, FitResult, StepEvent, StepResult } from './fitTypes.ts';
export type { GradientTransform, LearningRate, Optimizer, OptimizerState, UpdateOptions } from './optimizer.ts';
export {
  readSafetensors,
  writeSafetensors,
  type RawTensor,
  type SafetensorsDType,
  type SafetensorsFile,
} from './safetensors.ts';
export { constant, cosine, multiStep, type Schedule } from './schedules.ts';
export { sgd, type SgdOptions, type SgdState } from './sgd.ts';
export { disposeState } from './stateTree.ts';
