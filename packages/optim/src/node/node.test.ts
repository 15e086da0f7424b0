import { mkdir, mkdtemp, open, readdir, readFile, rm, writeFile, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { tensor } from '@sparseflow/tensor';
import { createReferenceBackend } from '@sparseflow/tensor/reference';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { bundle, run } from '../../test/processes.ts';
import { CorruptCheckpointError, type Checkpoint } from '../index.ts';
import { CheckpointFileError, fileCheckpointStore, latestOf, loadCheckpoint, saveCheckpoint } from './index.ts';

const backend = createReferenceBackend();
let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'checkpoint-'));
  path = join(folder, 'run.safetensors');
});
afterEach(() => rm(folder, { recursive: true }));

const withValue = (value: number): Checkpoint => ({ params: { w: tensor([value, 0.1], { backend }) } });
const valueIn = async (file: string): Promise<number> =>
  (await loadCheckpoint(file, { backend })).params['w']!.dataSync()[0]!;

describe('files', () => {
  test('are written, replaced and read', async () => {
    const deep = join(folder, 'a', 'b', 'run.safetensors');
    await saveCheckpoint(deep, withValue(1));
    await saveCheckpoint(deep, withValue(2));
    expect(await valueIn(deep)).toBe(2);
    expect(await readdir(join(folder, 'a', 'b'))).toEqual(['run.safetensors']);
  });

  test('many writers at once leave one whole file', async () => {
    await Promise.all(Array.from({ length: 8 }, (_, i) => saveCheckpoint(path, withValue(i))));
    expect([0, 1, 2, 3, 4, 5, 6, 7]).toContain(await valueIn(path));
    expect(await readdir(folder)).toEqual(['run.safetensors']);
  });

  test('a missing file', async () => {
    const error = await loadCheckpoint('/nowhere/run.safetensors', { backend }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(CheckpointFileError);
    expect(error).toMatchObject({ code: 'CHECKPOINT_FILE', path: '/nowhere/run.safetensors' });
    expect((error as Error).message).toMatchInlineSnapshot(
      `"cannot read checkpoint '/nowhere/run.safetensors' (ENOENT). To fix: check the path."`,
    );
  });

  test('a damaged file is named and left alone', async () => {
    await saveCheckpoint(path, withValue(1));
    const bytes = await readFile(path);
    bytes[bytes.length - 3]! ^= 4;
    await writeFile(path, bytes);
    for (const read of [() => loadCheckpoint(path, { backend }), () => fileCheckpointStore(path, { backend }).load()]) {
      const error = await read().catch((e: unknown) => e);
      expect(error).toBeInstanceOf(CorruptCheckpointError);
      expect(error).toMatchObject({ path, what: expect.stringMatching(/checksum/) as string });
    }
    expect(await readFile(path)).toEqual(bytes);
  });
});

describe('a failing disk', () => {
  afterEach(() => vi.restoreAllMocks());

  test.each(['writeFile', 'sync'] as const)('in %s leaves the previous file, and nothing else', async (method) => {
    await saveCheckpoint(path, withValue(1));
    const handle = await open(path);
    const methods = Object.getPrototypeOf(handle) as FileHandle;
    await handle.close();
    const full = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    vi.spyOn(methods, method).mockRejectedValueOnce(full);
    await expect(saveCheckpoint(path, withValue(2))).rejects.toThrow(/cannot write .* \(ENOSPC\)\. To fix: free space/);
    expect(await valueIn(path)).toBe(1);
    expect(await readdir(folder)).toEqual(['run.safetensors']);
  });

  test('a folder that is a file', async () => {
    await writeFile(join(folder, 'file'), '');
    await expect(saveCheckpoint(join(folder, 'file', 'x'), withValue(1))).rejects.toThrow(CheckpointFileError);
  });
});

describe('a process that dies while it writes', () => {
  const numberIn = async (): Promise<number> => {
    const values = (await loadCheckpoint(path, { backend })).params['n']!.dataSync();
    expect(values.every((value) => value === values[0])).toBe(true);
    return values[0]!;
  };
  const others = async (): Promise<string[]> => (await readdir(folder)).filter((name) => /tmp$/.test(name));

  test.each(['half-written', 'written', 'synced'])(
    'with the new file %s: the previous one is intact',
    async (moment) => {
      const script = await bundle(new URL('../../test/saveProcess.ts', import.meta.url), folder);
      expect(await run(script, [path, moment])).toMatchObject({ signal: 'SIGKILL', lines: ['saved 0'] });
      expect(await numberIn()).toBe(0);
      expect(await others()).toHaveLength(1);
      // The next run finds the good file, and removes what was left.
      await fileCheckpointStore(path, { backend }).load();
      expect(await others()).toEqual([]);
      expect(await numberIn()).toBe(0);
    },
  );

  test('at any moment: there is a whole file, the last or the one after', async () => {
    const script = await bundle(new URL('../../test/saveProcess.ts', import.meta.url), folder);
    for (let kill = 0; kill < 6; kill++) {
      let timer: NodeJS.Timeout | undefined;
      const { signal, lines } = await run(script, [path], (line, child) => {
        // Saving takes some milliseconds: any delay of that order falls into all its phases.
        if (line === 'saved 2') timer = globalThis.setTimeout(() => child.kill('SIGKILL'), Math.random() * 30);
      });
      clearTimeout(timer);
      expect(signal).toBe('SIGKILL');
      const last = Number(lines.at(-1)!.split(' ')[1]);
      expect([last, last + 1]).toContain(await numberIn());
    }
  });
});

test('a store without a file is an empty store', async () => {
  expect(await fileCheckpointStore(path, { backend }).load()).toBeUndefined();
  expect(await fileCheckpointStore(join(folder, 'none', 'x'), { backend }).load()).toBeUndefined();
});

describe('a store that flushes now and then', () => {
  afterEach(() => vi.restoreAllMocks());
  const names = (): Promise<string[]> => readdir(folder);
  const create = () => fileCheckpointStore(path, { backend, flushEverySeconds: 1000 });
  /** A state after so many steps, whose notes are the longer the more there were. */
  const after = (step: number): Checkpoint => ({
    ...withValue(step),
    cursor: { epoch: 0, batch: step, step, lossSum: 0, metricSums: {} },
    metadata: { notes: 'x'.repeat(10 * step) },
  });
  const saveAll = async (steps: number[]): Promise<void> => {
    const store = create();
    for (const step of steps) await store.save(after(step), { interim: true });
  };
  const found = async (): Promise<number> => (await create().load())!.params['w']!.dataSync()[0]!;
  const [even, odd] = latestOf('run.safetensors');

  test('keeps what follows the first save beside its file, until a save that is no interim one', async () => {
    const store = create();
    await store.save(after(1), { interim: true });
    expect(await names()).toEqual(['run.safetensors']);
    for (const step of [2, 3, 4]) await store.save(after(step), { interim: true });
    expect(await names()).toEqual(['run.safetensors', even, odd]);
    expect(await Promise.all([path, ...latestOf(path)].map(valueIn))).toEqual([1, 4, 3]);
    expect(await found()).toBe(4);
    await store.save(after(5));
    expect(await names()).toEqual(['run.safetensors']);
    expect(await found()).toBe(5);
  });

  test('writes over longer states', async () => {
    await saveAll([1, 90, 80]);
    await saveAll([1, 2, 3]);
    expect(await found()).toBe(3);
  });

  test('flushes as often as it was asked to', async () => {
    const now = vi.spyOn(performance, 'now').mockReturnValue(0);
    const store = fileCheckpointStore(path, { backend, flushEverySeconds: 2 });
    const flushed: boolean[] = [];
    for (const [i, seconds] of [0, 1.9, 2, 3, 4.1].entries()) {
      now.mockReturnValue(1000 * seconds);
      await store.save(after(i), { interim: true });
      flushed.push((await valueIn(path)) === i);
      expect(await found()).toBe(i);
    }
    expect(flushed).toEqual([true, false, true, false, true]);
  });

  test('goes on from what is whole', async () => {
    await saveAll([1, 2, 3]);
    const whole = await readFile(join(folder, odd));
    // The process was killed within a save: the one before is there.
    await writeFile(join(folder, odd), whole.subarray(0, 200));
    expect(await found()).toBe(2);
    // The machine stopped before either was on the disk.
    await writeFile(join(folder, even), Buffer.alloc(0));
    await writeFile(join(folder, odd), Buffer.from(whole).fill(0, 200));
    expect(await found()).toBe(1);
  });

  test('takes nothing for its own without its file, and removes all of its own', async () => {
    await saveAll([1, 2, 3]);
    await rm(path);
    expect(await create().load()).toBeUndefined();
    expect(await names()).toEqual([]);
    await saveAll([1, 2, 3]);
    await create().remove();
    expect(await names()).toEqual([]);
  });

  test('can be used again after its file is gone', async () => {
    const store = create();
    await store.save(after(1), { interim: true });
    await store.remove();
    for (const step of [2, 3]) await store.save(after(step), { interim: true });
    expect(await found()).toBe(3);
    await rm(path);
    expect(await store.load()).toBeUndefined();
    for (const step of [4, 5]) await store.save(after(step), { interim: true });
    expect(await found()).toBe(5);
  });

  test('goes on from a file that somebody put there later, not from what lies beside it', async () => {
    await saveAll([1, 80, 90]);
    await setTimeout(20); // longer than the clock of file systems takes to tick
    await saveCheckpoint(path, after(2));
    expect(await found()).toBe(2);
    await saveAll([3, 4]);
    expect(await found()).toBe(4);
  });

  test('says which file it cannot read', async () => {
    await saveAll([1]);
    await setTimeout(20);
    await mkdir(join(folder, even));
    await expect(create().load()).rejects.toThrow(`cannot read checkpoint '${join(folder, even)}' (EISDIR)`);
  });

  test('says which file it cannot write', async () => {
    await saveAll([1]);
    await mkdir(latestOf(path)[0]);
    const store = create();
    await store.save(after(2), { interim: true });
    await expect(store.save(after(3), { interim: true })).rejects.toThrow(
      `cannot write checkpoint '${latestOf(path)[0]}' (EISDIR)`,
    );
  });
});
