import type * as WorkerThreads from 'node:worker_threads';
import type { WasmMemory, WasmModule } from './webAssembly.ts';

/** What a helper is started with; src/wasmWorker.js reads it. */
interface Start {
  readonly module: WasmModule;
  readonly memory: WasmMemory;
  /** From 1. */
  readonly thread: number;
}

/** What is used of a browser's worker. */
interface BrowserWorker {
  onerror: ((event: { readonly message?: string; preventDefault(): void }) => void) | null;
  postMessage(message: Start): void;
  terminate(): void;
}

/** A browser's global, left free so that bundlers see which file is a worker. */
declare const Worker: new (url: URL, options: { readonly type: 'module' }) => BrowserWorker;

/** Ends the helper. */
type Stop = () => void;

/** Helper threads, as far as this thread has heard of them. */
export interface Helpers {
  readonly running: number;
  /** Why not all that were started run. */
  readonly reason: string | undefined;
  stop(): void;
}

/**
 * Starts helper threads, which take parts of tasks as soon as they run: in Node at once, in a browser when the page's script
 * returns to its event loop. They never keep a Node process alive. Those that do not run are left out.
 */
export function startHelpers(module: WasmModule, memory: WasmMemory, count: number): Helpers {
  const stops = new Map<number, Stop>();
  let reason: string | undefined;
  const failed = (thread: number, why: string): void => {
    if (stops.delete(thread)) reason = `${count - stops.size} of ${count} helper threads do not run (${why})`;
  };
  const { process } = globalThis as { process?: { getBuiltinModule?: NodeJS.Process['getBuiltinModule'] } };
  const threads = process?.getBuiltinModule?.('node:worker_threads');
  const start = threads ? startInNode.bind(undefined, threads) : startInBrowser;
  for (let thread = count; thread > 0; thread--) stops.set(thread, () => undefined);
  for (const thread of [...stops.keys()]) {
    try {
      stops.set(
        thread,
        start({ module, memory, thread }, (why) => failed(thread, why)),
      );
    } catch (cause) {
      failed(thread, (cause as Error).message);
    }
  }
  return {
    get running() {
      return stops.size;
    },
    get reason() {
      return reason;
    },
    stop() {
      stops.forEach((stop) => stop());
      stops.clear();
    },
  };
}

const FILE = './wasmWorker.js';

function startInNode(threads: typeof WorkerThreads, start: Start, failed: (reason: string) => void): Stop {
  // No options of the process: a loader or an inspector is nothing for a helper.
  const worker = new threads.Worker(new URL(FILE, import.meta.url), { execArgv: [] });
  worker.on('error', ({ message }) => failed(message));
  worker.on('exit', () => failed('it has ended'));
  worker.unref();
  worker.postMessage(start);
  return () => void worker.terminate();
}

function startInBrowser(start: Start, failed: (reason: string) => void): Stop {
  const worker = new Worker(new URL('./wasmWorker.js', import.meta.url), { type: 'module' });
  worker.onerror = (event) => {
    event.preventDefault();
    failed(event.message ?? 'wasmWorker.js does not load');
  };
  worker.postMessage(start);
  return () => worker.terminate();
}
