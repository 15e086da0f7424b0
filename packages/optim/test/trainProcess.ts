// Runs the regression with a checkpoint file, and says each step: `node trainProcess.mjs FILE EPOCHS EVERY_STEPS`, or, to save after every
// step and flush next to nothing, `node trainProcess.mjs FILE EPOCHS`.
import { writeSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { createReferenceBackend } from '@sparseflow/tensor/reference';
import { fit } from '../src/index.ts';
import { fileCheckpointStore } from '../src/node/index.ts';
import { regression } from './regression.ts';

const [path, epochs, everySteps] = process.argv.slice(2) as [string, string, string | undefined];
const backend = createReferenceBackend();
// Written at once, so that a kill loses none.
const say = (line: string): void => void writeSync(1, `${line}\n`);
await fit({
  ...regression(backend, Number(epochs)),
  checkpoint:
    everySteps === undefined
      ? { store: fileCheckpointStore(path, { backend, flushEverySeconds: 1000 }), share: 1 }
      : { store: fileCheckpointStore(path, { backend }), everySteps: Number(everySteps) },
  callbacks: {
    async onStep({ step }) {
      say(`step ${step}`);
      // Time for a kill to arrive before the end.
      await setTimeout(2);
    },
  },
});
say('finished');
