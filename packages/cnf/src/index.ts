export { cnf } from './cnf.ts';
export type {
  CallOptions,
  Cnf,
  CnfOptions,
  FlowResult,
  FlowState,
  FrozenLoss,
  LossAndGrad,
  SampleOptions,
} from './cnf.ts';
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
export { dualPass, type Dual, type Field, type Time } from './field.ts';
export { mlp, type MlpOptions } from './fields/mlp.ts';
export { odeNet, type OdeNetOptions } from './fields/odeNet.ts';
export type { LayerName } from './fields/layers/index.ts';
export type { Stride } from './fields/layers/linearMap.ts';
export { neuralOde, type NeuralOde, type NeuralOdeCall, type NeuralOdeOptions, type Readout } from './neuralOde.ts';
export { standardNormalLogProb } from './normal.ts';
