import type { DType, TypedArray } from './dtype.ts';
import type { Shape } from './shape.ts';

/** A backend's own handle to a dense, row-major, immutable block of elements. Only its backend looks inside. */
export type Buffer = unknown;

/** A buffer and how to read it. Kernels receive operands that were already checked: shapes fit, dtypes agree. */
export interface Operand {
  readonly buffer: Buffer;
  readonly shape: Shape;
  readonly dtype: DType;
}

/** Element by element, same shape and dtype. `step` is 1 where x > 0, else 0 (NaN gives 0); `sign(0)` is 0. NaN propagates in all others. */
export type UnaryOp =
  | 'neg'
  | 'abs'
  | 'sign'
  | 'step'
  | 'floor'
  | 'exp'
  | 'expm1'
  | 'log'
  | 'log1p'
  | 'sqrt'
  | 'square'
  | 'reciprocal'
  | 'sin'
  | 'cos'
  | 'tanh'
  | 'sigmoid'
  | 'softplus'
  | 'relu';

/** With broadcasting. Comparisons give 1 or 0 in the operands' dtype (0 where a side is NaN); minimum and maximum propagate NaN. */
export type BinaryOp = 'add' | 'sub' | 'mul' | 'div' | 'pow' | 'maximum' | 'minimum' | 'equal' | 'less' | 'lessEqual';

export type ReduceOp = 'sum' | 'max' | 'min';

/** Cross-correlation of NHWC input with HWIO filter; `padding` is [[top, bottom], [left, right]] zeros. */
export interface ConvSpec {
  readonly strides: readonly [number, number];
  readonly padding: readonly [readonly [number, number], readonly [number, number]];
}

/**
 * An optional kernel for one fused operation. It returns undefined for operands it does not cover (a dtype, an activation, a size),
 * in which case the decomposition runs.
 */
export type FusedKernel = (
  inputs: readonly Operand[],
  params: unknown,
  outputs: readonly { shape: Shape; dtype: DType }[],
) => Buffer[] | undefined;

/**
 * Forward kernels over opaque buffers. A backend knows nothing of gradients, scopes or broadcasting rules beyond computing the
 * result of the given shape. Kernels are synchronous to call (a GPU may compute later); only `download` waits.
 * Every kernel returns a new buffer that is disposed on its own, also `reshape` (which may share storage with its input).
 *
 * A new backend is checked by `@sparseflow/tensor/conformance`.
 */
export interface Backend {
  readonly name: string;
  /** Element types it computes with, the preferred floating type first. */
  readonly dtypes: readonly DType[];

  upload(values: TypedArray, shape: Shape, dtype: DType): Buffer;
  download(x: Operand): Promise<TypedArray>;
  /** Present where data can be read without waiting (CPU). */
  downloadSync?(x: Operand): TypedArray;
  dispose(buffer: Buffer): void;
  /** Buffers created and not yet disposed. */
  liveBuffers(): number;

  fill(shape: Shape, value: number, dtype: DType): Buffer;
  cast(x: Operand, dtype: DType): Buffer;

  unary(op: UnaryOp, x: Operand): Buffer;
  /** x · scale + shift. */
  affine(x: Operand, scale: number, shift: number): Buffer;
  binary(op: BinaryOp, a: Operand, b: Operand, outShape: Shape): Buffer;
  /** a where condition ≠ 0, else b; all three broadcast to `outShape`. */
  select(condition: Operand, a: Operand, b: Operand, outShape: Shape): Buffer;

  /** [..., m, k] × [..., k, n] with equal leading axes; a transpose flag says that the operand's last two axes are stored swapped. */
  matMul(a: Operand, b: Operand, transposeA: boolean, transposeB: boolean, outShape: Shape): Buffer;
  /** input [n, h, w, c] ⋆ filter [kh, kw, c, o] → [n, oh, ow, o]. */
  conv2d(input: Operand, filter: Operand, spec: ConvSpec, outShape: Shape): Buffer;
  /** The adjoint of conv2d in its input: dy [n, oh, ow, o], filter → [n, h, w, c]. */
  conv2dInput(dy: Operand, filter: Operand, spec: ConvSpec, inputShape: Shape): Buffer;
  /** The adjoint of conv2d in its filter: input, dy → [kh, kw, c, o]. */
  conv2dFilter(input: Operand, dy: Operand, spec: ConvSpec, filterShape: Shape): Buffer;

  /** Reduces `axes` (sorted, non-negative, non-empty) away. Empty sum is 0; max and min propagate NaN and give ∓Infinity when empty. */
  reduce(op: ReduceOp, x: Operand, axes: readonly number[], outShape: Shape): Buffer;
  broadcastTo(x: Operand, shape: Shape): Buffer;
  reshape(x: Operand, shape: Shape): Buffer;
  transpose(x: Operand, permutation: readonly number[]): Buffer;
  /** The box that starts at `begin` and has `size`. */
  slice(x: Operand, begin: readonly number[], size: Shape): Buffer;
  /** Zeros around x: `padding[axis]` is [before, after]. */
  pad(x: Operand, padding: readonly (readonly [number, number])[]): Buffer;
  concat(xs: readonly Operand[], axis: number, outShape: Shape): Buffer;
  /** Rows of `x` along `axis` at int32 `indices` (rank 1, in range; checked by the caller where it can). */
  gather(x: Operand, indices: Operand, axis: number): Buffer;
  /** Zeros of `outShape` with `updates`' rows along `axis` added at int32 `indices`; repeated indices add up. */
  scatterAdd(updates: Operand, indices: Operand, axis: number, outShape: Shape): Buffer;

  /** Kernels of fused operations, by the operation's name. */
  readonly fused?: Readonly<Record<string, FusedKernel>>;
}
