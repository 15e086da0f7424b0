import { SparseflowError } from '@sparseflow/tensor';
import { createTfjsBackend, type TfjsBackendOptions } from './create.ts';
import { TFJS_BACKEND_NAMES, type TfjsBackendName } from './names.ts';

/** Whether one TensorFlow.js backend works here. */
export interface TfjsSupport {
  readonly name: TfjsBackendName;
  readonly usable: boolean;
  /** What is in the way, where it is not usable. */
  readonly reason?: string;
  /** What to do about it. */
  readonly remedy?: string;
}

/**
 * Tries every TensorFlow.js backend on this machine and says why the others do not work. It starts those that do (a second call, or
 * `createTfjsBackend`, then gets them at once). Where `@tensorflow/tfjs-node-gpu` is installed, importing it makes it tfjs's globally
 * selected backend; that is its own doing.
 *
 * @example
 * ```ts
 * import { tfjsSupport } from '@sparseflow/backend-tfjs';
 *
 * for (const { name, usable, reason } of await tfjsSupport()) console.log(name, usable ? 'works' : reason);
 * ```
 */
export async function tfjsSupport(options: TfjsBackendOptions = {}): Promise<TfjsSupport[]> {
  const found: TfjsSupport[] = [];
  // One after the other: on a machine with little memory, starting all at once may fail where each would work.
  for (const name of TFJS_BACKEND_NAMES) {
    try {
      await createTfjsBackend(name, options);
      found.push({ name, usable: true });
    } catch (error) {
      if (!(error instanceof SparseflowError)) throw error;
      found.push({ name, usable: false, reason: error.message, remedy: error.remedy });
    }
  }
  return found;
}
