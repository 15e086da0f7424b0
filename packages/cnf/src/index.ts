export { cnf } from './cnf.ts';
export type { CallOptions, Cnf, CnfOptions, FlowResult, FlowState, LossAndGrad, SampleOptions } from './cnf.ts';
export type { Divergence } from './divergence/divergence.ts';
export { exact } from './divergence/exact.ts';
export { hutchinson, type HutchinsonOptions } from './divergence/hutchinson.ts';
export { evaluateNll, type EvaluateOptions, type Evaluation } from './evaluate.ts';
export { dualPass, type Dual, type Field } from './field.ts';
export { mlp, type MlpOptions } from './fields/mlp.ts';
export { standardNormalLogProb } from './normal.ts';
