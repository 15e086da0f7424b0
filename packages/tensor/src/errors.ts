/**
 * Base of every error this project throws on purpose. The message says what went wrong and where, then what to do;
 * `code` is stable and meant for programs.
 */
export class SparseflowError extends Error {
  readonly code: string;
  readonly remedy: string;

  constructor(code: string, what: string, remedy: string, options?: ErrorOptions) {
    super(`${what}. To fix: ${remedy}.`, options);
    this.name = new.target.name;
    this.code = code;
    this.remedy = remedy;
  }
}

/** Operands whose shapes do not fit the operation. */
export class ShapeError extends SparseflowError {
  constructor(op: string, what: string, remedy: string) {
    super('SHAPE', `${op}: ${what}`, remedy);
  }
}

/** Operands whose element types do not fit the operation. */
export class DTypeError extends SparseflowError {
  constructor(op: string, what: string, remedy: string) {
    super('DTYPE', `${op}: ${what}`, remedy);
  }
}

/** Operands that live on different backends. */
export class BackendMismatchError extends SparseflowError {
  constructor(op: string, a: string, b: string) {
    super(
      'BACKEND_MISMATCH',
      `${op}: operands live on two backends, '${a}' and '${b}'`,
      'download one with data() and upload it with tensor(values, { backend })',
    );
  }
}

/** A tensor was used after it was disposed, or after its scope ended. */
export class DisposedTensorError extends SparseflowError {
  constructor(op: string, shape: readonly number[]) {
    super(
      'DISPOSED',
      `${op}: a tensor of shape [${shape}] was used after it was disposed`,
      'return it from the scope that created it, or dispose it later',
    );
  }
}

/** A backend that cannot be used here, or cannot do what was asked. */
export class BackendError extends SparseflowError {
  constructor(backend: string, what: string, remedy: string, options?: ErrorOptions) {
    super('BACKEND', `backend '${backend}': ${what}`, remedy, options);
  }
}

/** A value or option outside its allowed range. */
export class ValueError extends SparseflowError {
  constructor(where: string, what: string, remedy: string) {
    super('VALUE', `${where}: ${what}`, remedy);
  }
}
