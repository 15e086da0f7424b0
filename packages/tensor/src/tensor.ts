import type { Backend, Buffer } from './backend.ts';
import type { DType, TypedArray } from './dtype.ts';
import { BackendError, DisposedTensorError } from './errors.ts';
import { deferDisposal, register } from './memory.ts';
import type { Primitive } from './primitive.ts';
import { sizeOf, type Shape } from './shape.ts';

/**
 * One differentiation in progress. Later traces have higher levels, so an operation on operands of several traces is
 * processed by the innermost one, which sees the others' values as constants. That is what makes nesting correct.
 */
export interface Trace {
  readonly level: number;
  process(primitive: Primitive, inputs: readonly Tensor[], params: unknown): Tensor[];
}

/** What a trace knows of a value that it follows: the value one level down, and for forward mode its tangent. */
export interface Box {
  readonly trace: Trace;
  readonly primal: Tensor;
  readonly tangent?: Tensor;
}

/**
 * An immutable, dense, row-major array on a backend. Create one with `tensor`, `zeros`, … and compute with functions such as
 * `add(a, b)`; those run on their operands' backend.
 */
export class Tensor {
  readonly backend: Backend;
  readonly shape: Shape;
  readonly dtype: DType;
  /** Set on values that a differentiation follows; they own no buffer. @internal */
  readonly box: Box | undefined;
  #buffer: Buffer | undefined;
  #disposed = false;
  /** Kept tensors outlive the scope that created them. @internal */
  kept = false;

  /** Made by `fromBuffer` and by traces only. @internal */
  constructor(backend: Backend, shape: Shape, dtype: DType, buffer: Buffer | undefined, box?: Box) {
    this.backend = backend;
    this.shape = shape;
    this.dtype = dtype;
    this.box = box;
    this.#buffer = buffer;
  }

  get size(): number {
    return sizeOf(this.shape);
  }

  get rank(): number {
    return this.shape.length;
  }

  get isDisposed(): boolean {
    return this.box ? this.box.primal.isDisposed : this.#disposed;
  }

  /** The backend's handle. @throws {DisposedTensorError} */
  get buffer(): Buffer {
    if (this.box) return this.box.primal.buffer;
    if (this.#disposed) throw new DisposedTensorError('buffer', this.shape);
    return this.#buffer;
  }

  /** Downloads the values, row-major, as a fresh typed array. @throws {DisposedTensorError} */
  async data(): Promise<TypedArray> {
    return this.backend.download(this.concrete('data'));
  }

  /** As `data`, without waiting; only on CPU backends. @throws {BackendError} on a backend that computes asynchronously. */
  dataSync(): TypedArray {
    if (!this.backend.downloadSync) {
      throw new BackendError(this.backend.name, 'cannot be read synchronously', 'use await x.data()');
    }
    return this.backend.downloadSync(this.concrete('dataSync'));
  }

  /**
   * Frees the buffer now. Harmless when repeated. While a function is being recorded for differentiation the buffer may still be
   * needed, so it is freed with the recording instead.
   */
  dispose(): void {
    if (this.box || this.#disposed || deferDisposal(this)) return;
    this.#disposed = true;
    this.backend.dispose(this.#buffer);
    this.#buffer = undefined;
  }

  /** The tensor below all traces. */
  private concrete(op: string): Tensor {
    if (this.box) return this.box.primal.concrete(op);
    if (this.#disposed) throw new DisposedTensorError(op, this.shape);
    return this;
  }
}

/** Wraps a buffer that `backend` made; the tensor owns it from then on and the enclosing scope will free it. */
export function fromBuffer(backend: Backend, buffer: Buffer, shape: Shape, dtype: DType): Tensor {
  return register(new Tensor(backend, shape, dtype, buffer));
}
