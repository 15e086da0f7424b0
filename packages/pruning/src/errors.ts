import { SparseflowError } from '@sparseflow/tensor';

/** A pruning that cannot be done as asked: nothing was changed. `code` is `PRUNING`. */
export class PruningError extends SparseflowError {
  constructor(where: string, what: string, remedy: string) {
    super('PRUNING', `${where}: ${what}`, remedy);
  }
}
