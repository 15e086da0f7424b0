export { cnf, type Cnf } from './cnf.ts';
export { flow, type Flow, type FrozenLoss, type LossAndGrad } from './flow.ts';
export { lossAndGradInParts, type InPartsOptions } from './inParts.ts';
export { multiscaleFlow, stackedFlow, type MultiscaleFlowOptions, type StackedFlowOptions } from './ffjord.ts';
export { compose } from './transforms/compose.ts';
export { continuous, type Continuous, type ContinuousOptions } from './transforms/continuous.ts';
export { factorOut } from './transforms/factorOut.ts';
export { logit } from './transforms/logit.ts';
export { movingBatchNorm, type MovingBatchNormOptions } from './transforms/movingBatchNorm.ts';
export { squeezed, squeezeImage, type ImageShape } from './transforms/squeeze.ts';
export { transformOf, type PlainTransform } from './transforms/transformOf.ts';
export { zeroMean } from './transforms/zeroMean.ts';
export type {
  CallOptions,
  FlowResult,
  FlowState,
  Frozen,
  Recorded,
  SampleOptions,
  TrainingState,
  Transform,
} from './transforms/transform.ts';
export { dl2int, JdiagFrobint, JFrobint, JoffdiagFrobint, l1int, l2int, timePenalty } from './regularisers/ffjord.ts';
export { hamiltonJacobi } from './regularisers/hamiltonJacobi.ts';
export { jacobian } from './regularisers/jacobian.ts';
export { kinetic } from './regularisers/kinetic.ts';
export type { Evaluated, Regulariser } from './regularisers/regulariser.ts';
export type { Divergence } from './divergence/divergence.ts';
export { exact } from './divergence/exact.ts';
export { hutchinson, type HutchinsonOptions } from './divergence/hutchinson.ts';
export { evaluateNll, type EvaluateOptions, type Evaluation } from './evaluate.ts';
export {
  evaluateClassifier,
  evaluateLogits,
  type ClassifierEvaluation,
  type EvaluateClassifierOptions,
} from './evaluateClassifier.ts';
export { dualPass, type Dual, type Field, type Time, type UnitConstants } from './field.ts';
export { mlp, type MlpOptions } from './fields/mlp.ts';
export { autoencoder } from './fields/autoencoder.ts';
export { odeNet } from './fields/odeNet.ts';
export { potential, type PotentialField, type PotentialOptions } from './fields/potential.ts';
export { residual } from './fields/residual.ts';
export type { OdeNetOptions } from './fields/layers/network.ts';
export type { LayerName } from './fields/layers/index.ts';
export type { Stride } from './fields/layers/linearMap.ts';
export { neuralOde, type NeuralOde, type NeuralOdeCall, type NeuralOdeOptions, type Readout } from './neuralOde.ts';
export { standardNormalLogProb } from './normal.ts';
