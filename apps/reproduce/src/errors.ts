import { SparseflowError } from '@sparseflow/tensor';

/** A request that cannot be carried out as written: the program prints it in one line and exits with 2, having written nothing. */
export class UsageError extends SparseflowError {
  constructor(what: string, remedy: string, options?: ErrorOptions) {
    super('USAGE', what, remedy, options);
  }
}
