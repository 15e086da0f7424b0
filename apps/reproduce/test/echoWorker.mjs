// Serves jobs as src/run/worker.ts does, without any training: what it does is in the point's label.
import { parentPort, threadId, workerData } from 'node:worker_threads';

const { stop } = workerData;

parentPort.on('message', ({ job }) => {
  const { label } = job.planned;
  if (label === 'throw') throw new Error('out of memory, say');
  if (label === 'exit') process.exit(7);
  if (label === 'fail') {
    parentPort.postMessage({ type: 'failure', message: 'a bug', stack: 'Error: a bug\n    at somewhere' });
    return;
  }
  if (label === 'disk full') {
    parentPort.postMessage({ type: 'failure', message: 'no', file: { path: '/r/a.json', refusal: 'ENOSPC' } });
    return;
  }
  parentPort.postMessage({
    type: 'progress',
    progress: { epoch: 1, epochs: 2, loss: threadId, nfeForward: 1, nfeBackward: 1, phase: 'train' },
  });
  parentPort.postMessage({ type: 'warning', line: `warned by ${label}` });
  if (label === 'busy') {
    // Never returns to the event loop, as a synchronous training does not, and must see the flag all the same.
    const deadline = Date.now() + 10_000;
    while (Atomics.load(stop, 0) === 0 && Date.now() < deadline);
    parentPort.postMessage({
      type: 'outcome',
      outcome: Date.now() < deadline ? { status: 'stopped' } : { status: 'diverged' },
    });
    return;
  }
  parentPort.postMessage({
    type: 'outcome',
    outcome: { status: 'diverged', reason: label, parameters: null, epochs: 0, seconds: 0 },
  });
});
