import { TrainingDivergedError } from '@sparseflow/optim';
import { SparseflowError } from '@sparseflow/tensor';
import { TooLargeError } from './capacity.ts';
import { FileError } from './files.ts';

/** Codes of the solver's errors that mean that the model has left all bounds. */
const DIVERGED: readonly string[] = ['STEP_SIZE_UNDERFLOW', 'NON_FINITE_STATE', 'NON_FINITE_DERIVATIVE', 'MAX_STEPS'];

/** What went wrong, for somebody who looks at the page. */
export function inWords(error: unknown): string {
  if (error instanceof TrainingDivergedError || (error instanceof SparseflowError && DIVERGED.includes(error.code))) {
    return 'Training diverged: the flow can no longer be followed. Reset, and try a lower learning rate or a lower tolerance.';
  }
  // Names of files are written as they are.
  if (error instanceof FileError || error instanceof TooLargeError) return error.message;
  if (isOutOfMemory(error)) return TOO_LARGE;
  if (error instanceof SparseflowError) return FAILURES[error.code] ?? sentence(error.message);
  return `Something went wrong: ${sentence(error instanceof Error ? error.message : String(error))}`;
}

const TOO_LARGE =
  'This net is too large for the memory of this device. Choose fewer or narrower layers, or smaller batches.';

/** By the code of an error: what the library says of its backends is for programmers. */
const FAILURES: Readonly<Record<string, string>> = {
  DEVICE_LOST: 'The browser or the driver has taken the GPU away.',
  BACKEND: 'A step could not be computed. Fewer or narrower layers, or smaller batches, may help.',
};

function isOutOfMemory(error: unknown): boolean {
  return (
    error instanceof Error &&
    (error instanceof RangeError || /memory|allocation|maxBufferSize|maxStorageBuffer/i.test(error.message))
  );
}

function sentence(text: string): string {
  const upper = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(upper) ? upper : `${upper}.`;
}
