import { SparseflowError } from '@sparseflow/tensor';

/** A data set that cannot be made as asked, or data that do not fit what is asked of them. `code` is `DATASET`. */
export class DatasetError extends SparseflowError {
  constructor(where: string, what: string, remedy: string) {
    super('DATASET', `${where}: ${what}`, remedy);
  }
}

/** What may be wrong with a file. */
export type DataFileProblem =
  | 'missing'
  | 'truncated'
  | 'corrupt'
  | 'checksum'
  | 'columns'
  | 'rows'
  | 'values'
  | 'pickle'
  | 'unsupported'
  | 'unreadable'
  | 'unwritable';

/** A data file that is missing, damaged, or not what it should be. `code` is `DATA_FILE`. */
export class DataFileError extends SparseflowError {
  readonly path: string;
  readonly problem: DataFileProblem;
  /** Where in the file, and what: 'row 7: 8 columns instead of 9'. */
  readonly what: string;

  constructor(problem: DataFileProblem, path: string, what: string, remedy: string, options?: ErrorOptions) {
    super('DATA_FILE', `${path}: ${what}`, remedy, options);
    this.path = path;
    this.problem = problem;
    this.what = what;
  }
}

/** A file that cannot be fetched. `code` is `DOWNLOAD`. */
export class DownloadError extends SparseflowError {
  readonly url: string;

  constructor(url: string, what: string, remedy: string, options?: ErrorOptions) {
    super('DOWNLOAD', `${url}: ${what}`, remedy, options);
    this.url = url;
  }
}
