import { SparseflowError } from '@sparseflow/tensor';

/** A data set that cannot be made as asked, or data that do not fit what is asked of them. `code` is `DATASET`. */
export class DatasetError extends SparseflowError {
  constructor(where: string, what: string, remedy: string) {
    super('DATASET', `${where}: ${what}`, remedy);
  }
}
