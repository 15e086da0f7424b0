import type { Backend } from '../index.ts';
import { ConformanceError } from './compare.ts';

/** Runs a check and throws if it left the backend with more or fewer live buffers than before. */
export async function withoutLeaks(backend: Backend, check: () => Promise<void>): Promise<void> {
  const before = backend.liveBuffers();
  await check();
  const after = backend.liveBuffers();
  if (after !== before) {
    throw new ConformanceError(`live buffers: ${before} before, ${after} after (everything was disposed)`);
  }
}
