import { SparseflowError } from '@sparseflow/tensor';

/** What the system says when a file cannot be written or read, and what a person can do about it. */
const causes: Readonly<Record<string, readonly [what: string, remedy: string]>> = {
  ENOSPC: ['the disk is full', 'free some space'],
  EDQUOT: ['the disk quota is used up', 'free some space'],
  EFBIG: ['it would be larger than files may be here', 'raise the limit (`ulimit -f`)'],
  EROFS: ['the disk is read-only', 'make it writable'],
  EACCES: ['permission is denied', 'check the permissions of the file and its folder'],
  EPERM: ['permission is denied', 'check the permissions of the file and its folder'],
  EIO: ['the disk reports an error', 'check the disk'],
  EMFILE: ['too many files are open', 'raise the limit (`ulimit -n`)'],
  ENFILE: ['too many files are open on this machine', 'close some programs'],
};

/** A file that cannot be written or read in the middle of a run. What is finished is kept, and the same command goes on from there. */
export class FileFailure extends SparseflowError {
  /** The file, where the system named it. */
  readonly path: string | undefined;
  /** The system's name of the refusal, such as ENOSPC. */
  readonly refusal: string;

  constructor(path: string | undefined, code: string, options?: ErrorOptions) {
    const [what, remedy] = causes[code]!;
    super(
      'FILE',
      `cannot write ${path ?? 'a file'}: ${what} (${code})`,
      `${remedy}, then run the same command again`,
      options,
    );
    this.path = path;
    this.refusal = code;
  }
}

/** An error as a {@link FileFailure}, where the system's refusal of a file is what is behind it; otherwise undefined. */
export function asFileFailure(error: unknown): FileFailure | undefined {
  let path: string | undefined;
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof FileFailure) return cause;
    const { code, path: own } = cause as Error & { readonly code?: unknown; readonly path?: unknown };
    // The outermost path is the file that was meant; further in it may be a temporary one.
    if (typeof own === 'string') path ??= own;
    if (typeof code === 'string' && code in causes) return new FileFailure(path, code, { cause: error });
  }
  return undefined;
}
