import type { Backend, Buffer } from './backend.ts';
import type { DType } from './dtype.ts';
import { BackendMismatchError, DisposedTensorError } from './errors.ts';
import { scope } from './memory.ts';
import type { Shape } from './shape.ts';
import { fromBuffer, type Tensor, type Trace } from './tensor.ts';

/** The shape and dtype of a value. */
export interface Aval {
  readonly shape: Shape;
  readonly dtype: DType;
}

/** A cotangent or tangent; null (or undefined) is an exact zero that was never computed. */
export type Maybe = Tensor | null | undefined;

/** What a derivative rule sees of the forward evaluation, one level below the trace that asks. */
export interface Evaluation<P> {
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  readonly params: P;
}

/**
 * An operation with a kernel and derivative rules. The rules are written in operations, so that they can be differentiated
 * again. A rule of `null` says that the derivative is zero everywhere (comparisons, steps).
 */
export interface Primitive<P = unknown> {
  readonly name: string;
  /** Checks the operands and gives the outputs' shapes and dtypes. */
  outputs(inputs: readonly Tensor[], params: P): readonly Aval[];
  /** Runs on the backend; undefined means that this backend has no such kernel and `decompose` must run. */
  kernel(backend: Backend, inputs: readonly Tensor[], params: P, outputs: readonly Aval[]): Buffer[] | undefined;
  /** Tangents in, tangents out. */
  readonly jvp?: ((tangents: readonly Maybe[], at: Evaluation<P>) => Maybe[]) | null;
  /** Cotangents of the outputs in, cotangents of the inputs out; only those that are `needed` must be computed. */
  readonly vjp?: ((cotangents: readonly Maybe[], at: Evaluation<P>, needed: readonly boolean[]) => Maybe[]) | null;
  /** Fused operations: the same result from smaller operations. Also runs where a derivative rule is missing. */
  readonly decompose?: (inputs: readonly Tensor[], params: P) => Tensor[];
}

/**
 * A fused operation that the backend has no kernel for is better followed in its parts: their values and derivatives are then computed
 * once.
 * @internal
 */
export function hasOwnKernel(primitive: Primitive, inputs: readonly Tensor[]): boolean {
  return !primitive.decompose || inputs[0]!.backend.fused?.[primitive.name] !== undefined;
}

/** Applies a primitive: evaluates it, or hands it to the innermost differentiation that follows one of its operands. */
export function bind<P>(primitive: Primitive<P>, inputs: readonly Tensor[], params: P): Tensor[] {
  let top: Trace | undefined;
  for (const x of inputs) {
    const trace = x.box?.trace;
    if (trace && (!top || trace.level > top.level)) top = trace;
  }
  return top ? top.process(primitive as Primitive, inputs, params) : evaluate(primitive, inputs, params);
}

function evaluate<P>(primitive: Primitive<P>, inputs: readonly Tensor[], params: P): Tensor[] {
  const backend = inputs[0]!.backend;
  for (const x of inputs) {
    if (x.backend !== backend) throw new BackendMismatchError(primitive.name, backend.name, x.backend.name);
    if (x.isDisposed) throw new DisposedTensorError(primitive.name, x.shape);
  }
  const outputs = primitive.outputs(inputs, params);
  const buffers = primitive.kernel(backend, inputs, params, outputs);
  if (buffers) return buffers.map((buffer, i) => fromBuffer(backend, buffer, outputs[i]!.shape, outputs[i]!.dtype));
  return scope(() => primitive.decompose!(inputs, params));
}
