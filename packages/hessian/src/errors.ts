import { SparseflowError } from '@sparseflow/tensor';

/** A curvature question that has no answer as asked. */
export class HessianError extends SparseflowError {
  constructor(where: string, what: string, remedy: string) {
    super('HESSIAN', `${where}: ${what}`, remedy);
  }
}

/** A record of products that was made by another operator, algorithm or key. */
export class RecordMismatchError extends HessianError {}
