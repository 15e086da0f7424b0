import { createCpuBackend } from '@sparseflow/backend-cpu';
import { createTfjsBackend } from '@sparseflow/backend-tfjs';
import type { Backend } from '@sparseflow/tensor';
import { SparseflowError } from '@sparseflow/tensor';
import { createReferenceBackend } from '@sparseflow/tensor/reference';
import { UsageError } from '../errors.ts';
import type { BackendName } from '../options.ts';

/** A name that can be opened; `auto` stands for one of these. */
export type ConcreteBackendName = Exclude<BackendName, 'auto'>;

/** In the order in which `auto` tries them: the fastest first, the one that works everywhere last. */
const automatic = ['native', 'wasm', 'tfjs-wasm', 'reference'] as const satisfies readonly ConcreteBackendName[];

const open: Readonly<Record<ConcreteBackendName, (threads: number) => Backend | Promise<Backend>>> = {
  native: (threads) => createCpuBackend({ path: 'native', threads }),
  wasm: () => createCpuBackend({ path: 'wasm' }),
  reference: () => createReferenceBackend(),
  'tfjs-wasm': () => createTfjsBackend('wasm'),
  'tfjs-webgpu': () => createTfjsBackend('webgpu'),
  'tfjs-node-gpu': () => createTfjsBackend('node-gpu'),
  'tfjs-webgl': () => createTfjsBackend('webgl'),
};

/** Whether it computes on a device of its own, whose time and memory are not those of the process. */
export function isOnGpu(name: string): boolean {
  return ['tfjs-webgpu', 'tfjs-node-gpu', 'tfjs-webgl'].includes(name);
}

/**
 * Opens a backend by its name on the command line. `threads` is for those that have them.
 *
 * @throws UsageError when it cannot be used here, with the reason.
 */
export async function openBackend(name: ConcreteBackendName, threads = 1): Promise<Backend> {
  try {
    return await open[name](threads);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    const reason =
      error instanceof SparseflowError
        ? error.message.replace(/\. To fix: .*$/s, '')
        : `backend '${name}': ${String(error)}`;
    const remedy = error instanceof SparseflowError ? remedyHere(error.remedy) : 'use --backend auto';
    throw new UsageError(reason, remedy, { cause: error });
  }
}

/** What packages say for npm, in the words that do it in this workspace: it has all of them but one, which CUDA alone can use. */
function remedyHere(remedy: string): string {
  const cuda = '@tensorflow/tfjs-node-gpu';
  const add = `pnpm --filter @sparseflow/backend-tfjs add --save-dev --allow-build=${cuda}`;
  return remedy
    .replace(/npm install (\S+)/, (_, wanted: string) =>
      wanted.startsWith(cuda) ? `${add} ${wanted}` : 'pnpm install',
    )
    .replace(`npm rebuild ${cuda} --build-addon-from-source`, 'pnpm approve-builds');
}

/**
 * Decides what `auto` means here, and checks that a named backend works.
 *
 * @returns the concrete name and, for `auto`, why a faster one was passed over.
 * @throws UsageError when a named backend cannot be used here.
 */
export async function resolveBackend(
  name: BackendName,
): Promise<{ readonly name: ConcreteBackendName; readonly passedOver: readonly string[] }> {
  if (name !== 'auto') {
    await openBackend(name);
    return { name, passedOver: [] };
  }
  const passedOver: string[] = [];
  for (const candidate of automatic) {
    try {
      await openBackend(candidate);
      return { name: candidate, passedOver };
    } catch (error) {
      passedOver.push((error as Error).message);
    }
  }
  throw new UsageError(
    `no backend works here (${passedOver.join('; ')})`,
    'install the dependencies again with `pnpm install`',
  );
}
