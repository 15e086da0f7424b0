import { constants } from 'node:os';
import { getSystemErrorMap, getSystemErrorName } from 'node:util';
import { SparseflowError } from '@sparseflow/tensor';

const permissions = 'check the permissions of the file and its folder';

/** What a person can do when a file cannot be written or read, by the system's name of the refusal. */
const remedies: Readonly<Record<string, string>> = {
  ENOSPC: 'free some space',
  EFBIG: 'raise the limit (`ulimit -f`)',
  EROFS: 'make the disk writable',
  EACCES: permissions,
  EPERM: permissions,
  EIO: 'check the disk',
  EISDIR: 'move away the directory of that name',
  EEXIST: 'move away what has that name and is not a directory',
  ENOTDIR: 'move away the file that stands for a directory of that path',
  EMFILE: 'raise the limit (`ulimit -n`)',
  ENFILE: 'close some programs',
  // Of a quota that is used up Node knows the number only.
  [getSystemErrorName(-constants.errno.EDQUOT)]: 'the disk quota is used up: free some space',
};

/** A file that cannot be written or read in the middle of a run. What is finished is kept, and the same command goes on from there. */
export class FileFailure extends SparseflowError {
  /** The file, where the system named it. */
  readonly path: string | undefined;
  /** The system's name of the refusal, such as ENOSPC. */
  readonly refusal: string;

  constructor(path: string | undefined, code: string, options?: ErrorOptions) {
    const what = [...getSystemErrorMap().values()].find(([name]) => name === code)?.[1] ?? 'the system refuses';
    super(
      'FILE',
      `cannot write ${path ?? 'a file'}: ${what} (${code})`,
      `${remedies[code]!}, then run the same command again`,
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
    if (typeof code === 'string' && code in remedies) return new FileFailure(path, code, { cause: error });
  }
  return undefined;
}
