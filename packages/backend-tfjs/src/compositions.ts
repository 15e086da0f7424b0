import { shapesEqual, sizeOf } from '@sparseflow/tensor';
import type { BinaryOp, ConvSpec, ReduceOp, Shape, UnaryOp } from '@sparseflow/tensor';
import {
  affineOnHost,
  binaryOnHost,
  broadcastOnHost,
  concatOnHost,
  selectOnHost,
  sliceOnHost,
  sumColumnsOnHost,
  tanhByElu,
  transposeOnHost,
  unaryOnHost,
} from './host-loops.ts';
import { affineByKernels, cast } from './kernels/elementwise.ts';
import { slice, transpose } from './kernels/layout.ts';
import type { TfjsBackendName } from './names.ts';
import type { Info, Runtime } from './runtime.ts';
import { affineOnWebGl, binaryOnWebGl, selectOnWebGl, unaryOnWebGl } from './webgl-programs.ts';
import { affineOnWebGpu, binaryOnWebGpu, selectOnWebGpu, unaryOnWebGpu } from './webgpu-programs.ts';

/** What is computed instead of the TensorFlow.js kernel of that name, and why. */
interface Composition<F> {
  readonly why: string;
  readonly compute: F;
}

export interface Compositions {
  readonly unary?: Partial<Record<UnaryOp, Composition<(rt: Runtime, x: Info) => Info>>>;
  readonly binary?: Partial<Record<BinaryOp, Composition<(rt: Runtime, a: Info, b: Info, outShape: Shape) => Info>>>;
  readonly affine?: Composition<(rt: Runtime, x: Info, scale: number, shift: number) => Info>;
  readonly select?: Composition<(rt: Runtime, condition: Info, a: Info, b: Info, outShape: Shape) => Info>;
  readonly matMul?: Composition<(rt: Runtime, a: Info, b: Info, transposeA: boolean, transposeB: boolean) => Info>;
  readonly conv2dFilter?: Composition<(rt: Runtime, input: Info, dy: Info, spec: ConvSpec, filterShape: Shape) => Info>;
  /** x and `shape` have the same number of axes; those of x that differ have size 1. */
  readonly broadcastTo?: Composition<(rt: Runtime, x: Info, shape: Shape) => Info>;
  /** [batch, rows, columns] → [batch, columns, rows]. */
  readonly transposeMatrices?: Composition<(rt: Runtime, x: Info) => Info>;
  /** Matrices, along the second axis. */
  readonly concatColumns?: Composition<(rt: Runtime, xs: readonly Info[]) => Info>;
  readonly slice?: Composition<(rt: Runtime, x: Info, begin: readonly number[], size: Shape) => Info>;
  /** [rows, columns] → [columns]. */
  readonly reduceColumns?: Partial<Record<ReduceOp, Composition<(rt: Runtime, x: Info) => Info>>>;
}

const dropsNaN = 'the kernel gives a number for NaN';
const keepsNaN = 'the kernel gives NaN for NaN, the interface asks for 0';
const givesBooleans = 'the kernel gives booleans, so that one loop replaces it and a cast';
const onlyBooleans = 'the kernel wants booleans and equal shapes';
const noAffine = 'there is no such kernel, and two of them cost more';
const shaderLimits = 'shader compilers may assume that there is no NaN or infinity, and their functions are inaccurate';

const perElement = 'the kernel makes several calls per element';

const comparisonsOnHost = {
  equal: { why: givesBooleans, compute: binaryOnHost('equal') },
  less: { why: givesBooleans, compute: binaryOnHost('less') },
  lessEqual: { why: givesBooleans, compute: binaryOnHost('lessEqual') },
} as const;

const shaderUnary = [
  'exp',
  'expm1',
  'log',
  'log1p',
  'sin',
  'cos',
  'tanh',
  'sigmoid',
  'softplus',
  'sign',
  'step',
  'relu',
] as const;
const shaderBinary = ['pow', 'maximum', 'minimum', 'equal', 'less', 'lessEqual'] as const;

/** By backend; whatever is not named here is the TensorFlow.js kernel itself. */
export const compositions: Readonly<Record<TfjsBackendName, Compositions>> = {
  cpu: {
    unary: {
      sign: { why: dropsNaN, compute: unaryOnHost('sign') },
      step: { why: keepsNaN, compute: unaryOnHost('step') },
    },
    binary: comparisonsOnHost,
    affine: { why: noAffine, compute: affineOnHost },
    select: { why: onlyBooleans, compute: selectOnHost },
    slice: { why: perElement, compute: sliceOnHost },
    broadcastTo: { why: perElement, compute: broadcastOnHost },
    transposeMatrices: { why: perElement, compute: transposeOnHost },
    concatColumns: { why: perElement, compute: concatOnHost },
    reduceColumns: { sum: { why: 'the kernel transposes first', compute: sumColumnsOnHost } },
  },
  wasm: {
    unary: {
      sign: { why: 'the kernel gives 0 for NaN and for |x| < 1e-7', compute: unaryOnHost('sign') },
      step: { why: keepsNaN, compute: unaryOnHost('step') },
      log1p: { why: 'the kernel is log(1 + x), which is 0 for small x', compute: unaryOnHost('log1p') },
      sin: { why: 'the kernel is off by 2e-7 near 0, even in sign', compute: unaryOnHost('sin') },
      cos: { why: 'the kernel is wrong for large x', compute: unaryOnHost('cos') },
      tanh: { why: 'the kernel is not vectorized and takes eight times as long', compute: tanhByElu },
    },
    binary: {
      ...comparisonsOnHost,
      pow: { why: 'the kernel gives 1 for 1 to the NaN', compute: binaryOnHost('pow') },
      maximum: { why: dropsNaN, compute: binaryOnHost('maximum') },
      minimum: { why: dropsNaN, compute: binaryOnHost('minimum') },
    },
    affine: { why: noAffine, compute: affineOnWasm },
    select: { why: onlyBooleans, compute: selectOnHost },
    matMul: {
      why: 'only the float product without transposes is fast, and it mistakes reshaped operands',
      compute: matMulOnWasm,
    },
    conv2dFilter: { why: 'there is no such kernel', compute: conv2dFilterByConv2d },
    slice: { why: 'the kernel copies its whole operand first', compute: sliceOnHost },
    broadcastTo: { why: 'Tile takes 5 ms where the product with ones takes 0.03', compute: broadcastByProduct },
    transposeMatrices: { why: 'the kernel takes seven times as long', compute: transposeOnHost },
    concatColumns: { why: 'the kernel makes a view per row, however short', compute: concatOnHost },
    reduceColumns: { sum: { why: 'the kernel transposes first', compute: sumColumnsByProduct } },
  },
  webgpu: {
    unary: Object.fromEntries(shaderUnary.map((op) => [op, { why: shaderLimits, compute: unaryOnWebGpu(op) }])),
    binary: Object.fromEntries(shaderBinary.map((op) => [op, { why: shaderLimits, compute: binaryOnWebGpu(op) }])),
    affine: { why: noAffine, compute: affineOnWebGpu },
    select: { why: onlyBooleans, compute: selectOnWebGpu },
  },
  webgl: {
    unary: Object.fromEntries(shaderUnary.map((op) => [op, { why: shaderLimits, compute: unaryOnWebGl(op) }])),
    binary: {
      ...Object.fromEntries(shaderBinary.map((op) => [op, { why: shaderLimits, compute: binaryOnWebGl(op) }])),
      div: { why: 'the kernel gives 1 for 0 / 0', compute: binaryOnWebGl('div') },
    },
    affine: { why: noAffine, compute: affineOnWebGl },
    select: { why: onlyBooleans, compute: selectOnWebGl },
  },
  'node-gpu': {
    unary: {
      sign: { why: dropsNaN, compute: signByStock },
      step: { why: keepsNaN, compute: stepByStock },
    },
  },
};

/** x where x ≠ x, which is NaN alone. */
function signByStock(rt: Runtime, x: Info): Info {
  const isNaN = rt.temporary(rt.run('NotEqual', { a: x, b: x }));
  const sign = rt.temporary(rt.run('Sign', { x }));
  return rt.run('Select', { condition: isNaN, t: x, e: sign });
}

function stepByStock(rt: Runtime, x: Info): Info {
  const isPositive = rt.temporary(rt.run('Greater', { a: x, b: rt.scalar(0, x.dtype) }));
  return rt.run('Cast', { x: isPositive }, { dtype: x.dtype });
}

/** Two vectorized kernels overtake one plain loop from about this many elements. */
const AFFINE_ON_HOST_BELOW = 4096;

function affineOnWasm(rt: Runtime, x: Info, scale: number, shift: number): Info {
  return x.dtype === 'int32' || sizeOf(x.shape) < AFFINE_ON_HOST_BELOW
    ? affineOnHost(rt, x, scale, shift)
    : affineByKernels(rt, x, scale, shift);
}

/** The product with ones of the size that is missing; it keeps NaN, infinities and the sign of 0. */
function broadcastByProduct(rt: Runtime, x: Info, shape: Shape): Info {
  if (x.dtype === 'int32') return broadcastOnHost(rt, x, shape);
  const missing = shape.map((n, axis) => (x.shape[axis] === n ? 1 : n));
  const ones = rt.temporary(rt.run('Fill', {}, { shape: missing, value: 1, dtype: 'float32' }));
  return rt.run('Multiply', { a: x, b: ones });
}

/** The product adds up in float32, one row after the other; beyond this many rows a loop in double precision is worth its time. */
const SUM_BY_PRODUCT_BELOW = 8192;

function sumColumnsByProduct(rt: Runtime, x: Info): Info {
  const [rows, columns] = x.shape as [number, number];
  if (x.dtype === 'int32' || rows > SUM_BY_PRODUCT_BELOW) return sumColumnsOnHost(rt, x);
  const ones = rt.temporary(rt.run('Fill', {}, { shape: [1, 1, rows], value: 1, dtype: 'float32' }));
  return matMulOnWasm(rt, ones, rt.view(x, [1, rows, columns]), false, false);
}

/** Computes the transpose of the product where that moves fewer elements than transposing the operands: (AB)ᵀ = BᵀAᵀ. */
function matMulOnWasm(rt: Runtime, a: Info, b: Info, transposeA: boolean, transposeB: boolean): Info {
  if (a.dtype === 'int32') {
    const [x, y] = [cast(rt, a, 'float32'), cast(rt, b, 'float32')].map((info) => rt.temporary(info)) as [Info, Info];
    return cast(rt, rt.temporary(matMulOnWasm(rt, x, y, transposeA, transposeB)), 'int32');
  }
  const [sizeA, sizeB] = [sizeOf(a.shape), sizeOf(b.shape)];
  const outSize = a.shape[0]! * a.shape[transposeA ? 2 : 1]! * b.shape[transposeB ? 1 : 2]!;
  const direct = (transposeA ? sizeA : 0) + (transposeB ? sizeB : 0);
  const swapped = (transposeA ? 0 : sizeA) + (transposeB ? 0 : sizeB) + outSize;
  if (direct <= swapped) return product(rt, swapIf(rt, a, transposeA), swapIf(rt, b, transposeB));
  return transpose(rt, rt.temporary(product(rt, swapIf(rt, b, !transposeB), swapIf(rt, a, !transposeA))), [0, 2, 1]);
}

function swapIf(rt: Runtime, x: Info, swap: boolean): Info {
  return swap ? rt.temporary(transpose(rt, x, [0, 2, 1])) : x;
}

/**
 * The wasm backend keeps the packed right operand by its data id alone, so the same data under another shape would be multiplied
 * as if it had the first one. Remembers the number of columns that each id was first used with.
 */
const packedColumns = new WeakMap<object, number>();

function product(rt: Runtime, a: Info, b: Info): Info {
  const columns = b.shape[2]!;
  const first = packedColumns.get(b.dataId);
  if (first === undefined) packedColumns.set(b.dataId, columns);
  // Identity copies on this backend.
  const right = first === undefined || first === columns ? b : rt.temporary(rt.run('Identity', { x: b }));
  return rt.run('BatchMatMul', { a, b: right }, { transposeA: false, transposeB: false });
}

/**
 * dW[i, j, c, o] = Σ_{n,y,x} input[n, y·s + i − top, x·s + j − left, c] dy[n, y, x, o] is itself a cross-correlation: of the input
 * with channels as batch and batch as channels, with dy as filter, dilated by the stride.
 */
function conv2dFilterByConv2d(rt: Runtime, input: Info, dy: Info, spec: ConvSpec, filterShape: Shape): Info {
  const x = rt.temporary(transpose(rt, input, [3, 1, 2, 0]));
  const filter = rt.temporary(transpose(rt, dy, [1, 2, 0, 3]));
  let correlation = rt.run(
    'Conv2D',
    { x, filter },
    {
      strides: [1, 1],
      pad: [[0, 0], spec.padding[0], spec.padding[1], [0, 0]],
      dataFormat: 'NHWC',
      dilations: spec.strides,
      dimRoundingMode: 'floor',
    },
  );
  // Rows and columns that the stride skipped leave a rest beyond the filter.
  const wanted = [filterShape[2]!, filterShape[0]!, filterShape[1]!, filterShape[3]!];
  if (!shapesEqual(correlation.shape, wanted)) correlation = slice(rt, rt.temporary(correlation), [0, 0, 0, 0], wanted);
  return transpose(rt, rt.temporary(correlation), [1, 2, 0, 3]);
}
