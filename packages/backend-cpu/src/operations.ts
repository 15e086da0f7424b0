/** The operations of the compiled kernels, in the order of `dispatch` in native/engine.hpp. */
const operations = [
  'dualMlp',
  'dualMlpVjp',
  'matMul',
  'linearCombination',
  'scaledErrorNorm',
  'adamUpdate',
  'unary',
  'affine',
  'binary',
  'select',
  'sum',
  'extreme',
  'copy',
  'gather',
  'conv2d',
  'conv2dInput',
  'conv2dFilter',
  'rowDots',
  'scaleRows',
  'dualMlpWithVjp',
  'dualMlpJvp',
  'dualMlpVjpJvp',
  'peak',
  'dualMlpStep',
  'dualMlpAdjointStep',
] as const;

export type Operation = (typeof operations)[number];

export const operationCodes = Object.fromEntries(operations.map((name, code) => [name, code])) as Readonly<
  Record<Operation, number>
>;

/** Raised with native/engine.hpp when an operation is added or changes: compiled kernels that are older are not used. */
export const INTERFACE_VERSION = 9;

/** Of one call, by native/addon.cpp: arrays, and as many numbers. */
export const MAX_ARRAYS = 1024;

/** Compiled kernels, however they are reached. */
export interface Kernels {
  /** Whether operands are copied to where the kernels can reach them: what only moves numbers is better done in place then. */
  readonly copiesOperands: boolean;
  /**
   * Runs an operation: sizes and coefficients, then arrays, of which the first ones are written. Each operation in native/ says
   * which it wants.
   *
   * @throws {BackendError} when sizes do not fit or memory runs out; nothing was written then
   */
  call(
    operation: Operation,
    numbers: readonly number[],
    results: readonly Float32Array[],
    operands: readonly Float32Array[],
  ): void;
}
