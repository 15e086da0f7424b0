import type { Shape } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { uniform } from './random.ts';
import type { Values } from './random.ts';

/** The order of a derivative; 0 is the value itself. */
export type Order = 0 | 1 | 2 | 3;

/** One operand of a specification. */
export interface InputSpec {
  readonly shape: Shape;
  readonly values: Values;
  /** `float` is differentiated; `constant` is a float that is not; `index` is int32. */
  readonly kind: 'float' | 'constant' | 'index';
}

/**
 * One operation on operands of given shapes and ranges, and how far it is differentiated. Everything that the suite does with an
 * operation follows from this entry.
 */
export interface OpSpec {
  readonly op: string;
  /** What is special about this entry: shapes, axes, options. */
  readonly variant: string;
  readonly inputs: readonly InputSpec[];
  readonly f: (...xs: Tensor[]) => Tensor | readonly Tensor[];
  readonly order: Order;
  /** How much larger than the tolerance the error may be, because the problem is that much worse conditioned. Default 1. */
  readonly condition?: number;
  /** Compare each element relative to its own magnitude, not to the largest one of the result. */
  readonly elementwise?: boolean;
  /** Why finite differences do not apply, where they do not. */
  readonly notDifferenceable?: string;
}

/** A differentiable operand; by default uniform on [-1.5, 1.5]. */
export function float(shape: Shape, values: Values = uniform(-1.5, 1.5)): InputSpec {
  return { shape, values, kind: 'float' };
}

/** A floating operand that is not differentiated. */
export function constant(shape: Shape, values: Values): InputSpec {
  return { shape, values, kind: 'constant' };
}

/** A vector of int32 indices. */
export function index(shape: Shape, values: Values): InputSpec {
  return { shape, values, kind: 'index' };
}
