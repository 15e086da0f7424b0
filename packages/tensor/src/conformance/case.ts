import type { Backend, DType } from '../index.ts';
import type { Tolerance } from './compare.ts';
import type { Order } from './spec.ts';

/** How a case is run. */
export interface RunOptions {
  /** Replaces the tolerance that belongs to the case's dtype. */
  readonly tolerance?: Tolerance;
}

/** One check of a backend. */
export interface ConformanceCase {
  /** Unique: operation, variant, what is checked, dtype. */
  readonly name: string;
  readonly op: string;
  /** The order of the derivatives that are compared; 0 for values and for everything that is not a derivative. */
  readonly order: Order;
  readonly dtype: DType;
  /** Resolves when the backend conforms. @throws ConformanceError on a mismatch, and whatever the backend throws */
  readonly run: (backend: Backend, options?: RunOptions) => Promise<void>;
}
