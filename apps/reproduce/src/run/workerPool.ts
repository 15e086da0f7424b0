import { Worker } from 'node:worker_threads';
import { FileFailure } from '../results/fileFailure.ts';
import type { Executor, Handlers, Job, Outcome, Progress } from './executor.ts';

/** From the pool to a worker. */
export interface ToWorker {
  readonly job: Job;
}

/** From a worker to the pool. */
export type FromWorker =
  | { readonly type: 'progress'; readonly progress: Progress }
  | { readonly type: 'warning'; readonly line: string }
  | { readonly type: 'outcome'; readonly outcome: Outcome }
  | {
      readonly type: 'failure';
      readonly message: string;
      readonly stack: string | undefined;
      /** A file that the system refused: errors lose their class on the way between threads. */
      readonly file?: Pick<FileFailure, 'path' | 'refusal'>;
    };

/** A flag that worker threads can read in the middle of a computation, without returning to their event loop. */
export interface StopFlag {
  readonly memory: Int32Array;
  raise(): void;
  raised(): boolean;
}

export function createStopFlag(): StopFlag {
  const memory = new Int32Array(new SharedArrayBuffer(4));
  return {
    memory,
    raise: () => void Atomics.store(memory, 0, 1),
    raised: () => Atomics.load(memory, 0) === 1,
  };
}

/**
 * Worker threads that compute points. They start when they are first needed and are reused. Which of them takes a point cannot change
 * its numbers: a job carries everything that decides them.
 *
 * @param script module that serves jobs, see worker.ts.
 */
export function createWorkerPool(script: URL, size: number, stop: StopFlag): Executor {
  const idle: Worker[] = [];
  const all = new Set<Worker>();

  const spawn = (): Worker => {
    const worker = new Worker(script, { workerData: { stop: stop.memory } });
    all.add(worker);
    worker.once('exit', () => {
      all.delete(worker);
      const index = idle.indexOf(worker);
      if (index !== -1) idle.splice(index, 1);
    });
    return worker;
  };

  return {
    size,
    run(job: Job, handlers: Handlers): Promise<Outcome> {
      const worker = idle.pop() ?? spawn();
      return new Promise((resolve, reject) => {
        const done = (finish: () => void, reusable: boolean): void => {
          worker.off('message', onMessage).off('error', onError).off('exit', onExit);
          if (reusable) idle.push(worker);
          finish();
        };
        const onMessage = (message: FromWorker): void => {
          if (message.type === 'progress') handlers.onProgress(message.progress);
          else if (message.type === 'warning') handlers.onWarning(message.line);
          else if (message.type === 'outcome') done(() => resolve(message.outcome), true);
          else done(() => reject(failureOf(job, message)), true);
        };
        const onError = (error: Error): void => done(() => reject(workerError(job, error.message, error.stack)), false);
        const onExit = (code: number): void =>
          done(() => reject(workerError(job, `the worker ended with code ${code}`, undefined)), false);
        worker.on('message', onMessage).on('error', onError).on('exit', onExit);
        worker.postMessage({ job } satisfies ToWorker);
      });
    },
    async close() {
      await Promise.all([...all].map((worker) => worker.terminate()));
    },
  };
}

function failureOf(job: Job, { message, stack, file }: Extract<FromWorker, { type: 'failure' }>): Error {
  return file === undefined ? workerError(job, message, stack) : new FileFailure(file.path, file.refusal);
}

function workerError(job: Job, message: string, stack: string | undefined): Error {
  const error = new Error(`${job.planned.label}: ${message}`);
  if (stack !== undefined) error.stack = stack;
  return error;
}
