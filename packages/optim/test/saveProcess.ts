// Replaces a checkpoint file again and again: `node saveProcess.mjs FILE`, or dies by itself at a chosen moment of the second time:
// `node saveProcess.mjs FILE half-written|written|synced`.
import { open, type FileHandle } from 'node:fs/promises';
import { writeSync } from 'node:fs';
import { full } from '@sparseflow/tensor';
import { createReferenceBackend } from '@sparseflow/tensor/reference';
import { saveCheckpoint } from '../src/node/index.ts';

const [path, moment] = process.argv.slice(2) as [string, string | undefined];
const backend = createReferenceBackend();

/** Checkpoint number n: 800 kB that say so. */
const save = (n: number): Promise<void> => saveCheckpoint(path, { params: { n: full([100_000], n, { backend }) } });
const die = (): void => void process.kill(process.pid, 'SIGKILL');

await save(0);
writeSync(1, 'saved 0\n');
if (moment !== undefined) {
  const handle = await open(process.argv[1]!);
  const methods = Object.getPrototypeOf(handle) as Pick<FileHandle, 'writeFile' | 'sync'>;
  await handle.close();
  const { writeFile, sync } = methods;
  methods.writeFile = async function (this: FileHandle, data) {
    const bytes = data as Uint8Array;
    await writeFile.call(this, moment === 'half-written' ? bytes.subarray(0, bytes.length >> 1) : bytes);
    if (moment !== 'synced') die();
  };
  methods.sync = async function (this: FileHandle) {
    await sync.call(this);
    die();
  };
}
for (let n = 1; ; n++) {
  await save(n);
  writeSync(1, `saved ${n}\n`);
}
