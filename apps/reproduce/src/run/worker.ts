import { parentPort, workerData } from 'node:worker_threads';
import { computePoint } from '../numerics/computePoint.ts';
import { asFileFailure } from '../results/fileFailure.ts';
import type { FromWorker, ToWorker } from './workerPool.ts';

const port = parentPort!;
const stop = (workerData as { readonly stop: Int32Array }).stop;
const send = (message: FromWorker): void => port.postMessage(message);

port.on('message', ({ job }: ToWorker) => {
  computePoint(job, {
    onProgress: (progress) => send({ type: 'progress', progress }),
    onWarning: (line) => send({ type: 'warning', line }),
    shouldStop: () => Atomics.load(stop, 0) === 1,
  }).then(
    (outcome) => send({ type: 'outcome', outcome }),
    (error: unknown) => {
      const { message, stack } = error instanceof Error ? error : new Error(String(error));
      const file = asFileFailure(error);
      send({
        type: 'failure',
        message,
        stack,
        ...(file && { file: { path: file.path, refusal: file.refusal } }),
      });
    },
  );
});
