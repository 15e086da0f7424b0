// Makes a checkpoint of this example from a study's results: `node dist/pack.js RESULTS/FOLDER ADDRESS FILE`.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeCheckpoint, disposeCheckpoint } from '@sparseflow/optim';
import { saveCheckpoint } from '@sparseflow/optim/node';
import { createReferenceBackend } from '@sparseflow/tensor/reference';
import type { About } from './pretrained.ts';

/** The parts of a finished point's file that are noted in the checkpoint. */
interface PointFile {
  readonly config: Pick<About, 'data' | 'net' | 'solver' | 'seed'> & { readonly task?: About['task'] };
  readonly point: Pick<About, 'method' | 'pruneRatio' | 'parameters' | 'epochs' | 'testNll'> & {
    readonly quantities?: Readonly<Record<string, { readonly value: number }>>;
  };
}

const [folder, address, target] = process.argv.slice(2);
if (folder === undefined || address === undefined || target === undefined) {
  console.error('usage: node dist/pack.js RESULTS/FOLDER ADDRESS FILE');
  process.exitCode = 2;
} else {
  const { config, point } = JSON.parse(readFileSync(join(folder, 'points', `${address}.json`), 'utf8')) as PointFile;
  const { method, pruneRatio, parameters, epochs, testNll, quantities } = point;
  const about: About = {
    task: config.task ?? 'density',
    data: config.data,
    seed: config.seed,
    net: config.net,
    solver: { rtol: config.solver.rtol, atol: config.solver.atol },
    method,
    pruneRatio,
    parameters,
    epochs,
    testNll,
    // Studies give it in percent.
    ...(quantities?.['testAccuracy'] && { testAccuracy: quantities['testAccuracy'].value / 100 }),
  };
  const path = join(folder, 'checkpoints', `${address}.safetensors`);
  const checkpoint = decodeCheckpoint(new Uint8Array(readFileSync(path)), { backend: createReferenceBackend(), path });
  const { params, masks } = checkpoint;
  await saveCheckpoint(target, { params, ...(masks && { masks }), metadata: { about: JSON.stringify(about) } });
  disposeCheckpoint(checkpoint);
}
