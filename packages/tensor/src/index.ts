export type { Backend, BinaryOp, Buffer, ConvSpec, FusedKernel, Operand, ReduceOp, UnaryOp } from './backend.ts';
export { allocate, dtypeOf, toTypedArray, type DType, type FloatDType, type TypedArray } from './dtype.ts';
export {
  BackendError,
  BackendMismatchError,
  DisposedTensorError,
  DTypeError,
  ShapeError,
  SparseflowError,
  ValueError,
} from './errors.ts';
export { broadcastShapes, normalizeAxes, shapesEqual, sizeOf, stridesOf, type Shape } from './shape.ts';
export { fromBuffer, Tensor } from './tensor.ts';
export { disposeTree, flattenTree, mapTree, type Tree } from './tree.ts';
export type { Masks, NeuronAxis, NeuronGroup, Params } from './params.ts';
export { keep, scope } from './memory.ts';
export {
  eye,
  full,
  ones,
  onesLike,
  tensor,
  zeros,
  zerosLike,
  type CreateOptions,
  type NestedNumbers,
} from './create.ts';

export {
  abs,
  cos,
  exp,
  expm1,
  floor,
  log,
  log1p,
  neg,
  reciprocal,
  relu,
  sigmoid,
  sign,
  sin,
  softplus,
  sqrt,
  square,
  step,
  tanh,
} from './ops/unary.ts';
export { affine } from './ops/affine.ts';
export {
  add,
  div,
  equal,
  greater,
  greaterEqual,
  less,
  lessEqual,
  maximum,
  minimum,
  mul,
  pow,
  sub,
  type Binary,
} from './ops/binary.ts';
export { broadcastTo, sumTo } from './ops/broadcast.ts';
export { max, mean, min, sum, type ReduceOptions, type Reduction } from './ops/reduce.ts';
export { concat, expandDims, pad, reshape, slice, split, squeeze, stack, transpose } from './ops/layout.ts';
export { matMul, type MatMulOptions } from './ops/matmul.ts';
export { conv2d, conv2dTranspose, type Conv2dOptions } from './ops/conv.ts';
export { gather, scatterAdd } from './ops/indexing.ts';
export { where } from './ops/select.ts';
export { cast, copy, stopGradient } from './ops/cast.ts';
export { clip, dot, elu, logSoftmax, logSumExp, norm, softmax, swish } from './ops/composite.ts';

export { vjp, type Vjp } from './autodiff/vjp.ts';
export { jvp, type Jvp } from './autodiff/jvp.ts';
export { linearize, type Linearization } from './autodiff/linearize.ts';
export { grad, hvp, valueAndGrad } from './autodiff/grad.ts';

export { defineFused, type Fused, type FusedRules } from './fused/defineFused.ts';
export { activations, type Activation, type ActivationName } from './fused/activations.ts';
export { dualMlp, dualMlpWithVjp, type DualLayer, type DualMlpParams, type DualMlpWithVjp } from './fused/dualMlp.ts';
export {
  dualMlpAdjointStep,
  dualMlpStep,
  type AdjointStepTaken,
  type DualMlpStepOptions,
  type DualMlpStepParams,
  type Moving,
  type MovingBack,
  type StepMethod,
  type StepTaken,
} from './fused/dualMlpStep.ts';
export { rowDots, scaleRows } from './fused/rowDots.ts';
export { linearCombination } from './fused/linearCombination.ts';
export { scaledErrorNorm } from './fused/scaledErrorNorm.ts';
export { adamUpdate, type AdamParams } from './fused/adamUpdate.ts';

export {
  fold,
  key,
  normal,
  permutation,
  rademacher,
  randint,
  randomNormal,
  randomRademacher,
  randomUniform,
  splitKey,
  uniform,
  type ArrayOf,
  type Key,
  type RandomTensorOptions,
  type SampleOptions,
} from './random/index.ts';
