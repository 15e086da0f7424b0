import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { crc32 } from 'node:zlib';
import { createCpuBackend } from '@sparseflow/backend-cpu';
import { cnf, evaluateNll, mlp } from '@sparseflow/cnf';
import { generateToy, toyDataset } from '@sparseflow/datasets';
import { encodeCheckpoint } from '@sparseflow/optim';
import { fold, key } from '@sparseflow/tensor';
import type { Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadPretrained } from '../../../examples/pretrained/src/pretrained.ts';
import { saveTrained } from '../../reproduce/src/numerics/checkpoints.ts';
import { factOf, hasBrowser, openSite, pictureOf, press, settled, until, type Site } from './site.ts';

const folder = fileURLToPath(new URL('../../../examples/pretrained/checkpoints/', import.meta.url));
const backend = createCpuBackend();

/** Cheap: the tests are about files. */
const SMALL = 'seed=3&layers=2&hidden=8&batch=64&sizes=500_200_0.1';

describe.runIf(hasBrowser)('files', () => {
  let site: Site;
  let directory: string;
  beforeAll(async () => {
    site = await openSite();
    directory = mkdtempSync(join(tmpdir(), 'playground-'));
  });
  afterAll(async () => {
    rmSync(directory, { recursive: true });
    await site.close();
  });

  const open = (page: Page, path: string): Promise<void> => page.locator('input[type=file]').setInputFiles(path);
  const save = async (page: Page, model: string): Promise<string> => {
    const [download] = await Promise.all([page.waitForEvent('download'), press(page, `Save ${model}`)]);
    expect(download.suggestedFilename()).toBe(`gaussians-${model}.safetensors`);
    const path = join(directory, download.suggestedFilename());
    await download.saveAs(path);
    return path;
  };
  const noticeOf = (page: Page): Promise<string | null> => page.locator('.notice').last().textContent();

  it('a saved model gives the same picture after a reload and in another browser, and the examples read it', async () => {
    const { page, errors } = await site.visit({ hash: SMALL });
    await until(page, 'dense', 'nll', (nll) => nll > 0);
    await press(page, 'Train');
    await until(page, 'dense', 'steps', (steps) => steps >= 3);
    await press(page, 'Pause');
    const picture = await settled(page, 'dense');
    const steps = await factOf(page, 'dense', 'steps');
    const path = await save(page, 'dense');

    await page.reload();
    await until(page, 'dense', 'steps', (n) => n === steps);
    expect(await settled(page, 'dense')).toBe(picture);
    const nll = await factOf(page, 'dense', 'nll');
    expect(errors).toEqual([]);

    const other = await site.visit();
    await until(other.page, 'dense', 'nll', (value) => value > 0);
    await open(other.page, path);
    await until(other.page, 'dense', 'steps', (n) => n === steps);
    expect(await settled(other.page, 'dense')).toBe(picture);
    // The link now says what the file said.
    expect(new URL(other.page.url()).hash).toBe(`#${SMALL}`);

    const { about, model, params } = loadPretrained(path, backend);
    if (!('flow' in model)) throw new Error('no flow');
    const { test } = generateToy(toyDataset('gaussians'), fold(key(3), 0), { trainPerMode: 500, testPerMode: 200 });
    const { nll: theirs } = await evaluateNll(model.flow, params, test.points, { backend });
    // Single precision, and steps within a tolerance of 1e-3 on two processors' kernels.
    expect(about.testNll).toBeCloseTo(nll, 3);
    expect(Math.abs(theirs - nll)).toBeLessThan(5e-3);
  });

  it('so does a model that was pruned to 80 %', async () => {
    const { page, errors } = await site.visit({ hash: SMALL });
    await until(page, 'dense', 'nll', (nll) => nll > 0);
    await press(page, 'Prune now');
    const kept = await until(page, 'sparse', 'kept', (n) => n > 0);
    // Neurons that nothing reads go with the weights: sizes of a net of 42 weights come in steps of a few.
    expect(Math.abs(kept / (await factOf(page, 'dense', 'kept')) - 0.2)).toBeLessThan(0.05);
    await press(page, 'Train');
    await until(page, 'sparse', 'steps', (steps) => steps >= 3);
    await press(page, 'Pause');
    const picture = await settled(page, 'sparse');
    expect(await pictureOf(page, 'dense')).not.toBe(picture);
    const steps = await factOf(page, 'sparse', 'steps');
    const paths = [await save(page, 'dense'), await save(page, 'sparse')];

    await page.reload();
    await until(page, 'sparse', 'steps', (n) => n === steps);
    expect(await settled(page, 'sparse')).toBe(picture);
    expect(errors).toEqual([]);

    // The scale of the colours is that of all models which are shown.
    const other = await site.visit({ hash: SMALL });
    await until(other.page, 'dense', 'nll', (value) => value > 0);
    for (const path of paths) await open(other.page, path);
    await until(other.page, 'sparse', 'steps', (n) => n === steps);
    expect(await settled(other.page, 'sparse')).toBe(picture);
    expect(await factOf(other.page, 'sparse', 'kept')).toBe(kept);
    expect(other.errors).toEqual([]);
  });

  it('opens the pretrained examples, dense and sparse side by side, and a classifier', async () => {
    const { page, errors } = await site.visit({ hash: SMALL });
    await until(page, 'dense', 'nll', (nll) => nll > 0);
    for (const [model, name] of [
      ['dense', 'gaussians-dense'],
      ['sparse', 'gaussians-sparse'],
      ['sparse', 'moons-sparse'],
    ] as const) {
      const { about } = loadPretrained(`${folder}${name}.safetensors`, backend);
      await open(page, `${folder}${name}.safetensors`);
      await until(page, model, 'kept', (kept) => kept === about.parameters);
      // As in the examples' own test: single precision, and solver steps by the tolerance.
      const bound = about.task === 'density' ? 1e-3 : 0.05 * about.testNll + 5e-4;
      await until(page, model, 'nll', (nll) => Math.abs(nll - about.testNll) < bound);
      expect(await page.locator('.pane').count()).toBe(name === 'gaussians-sparse' ? 2 : 1);
    }
    expect(errors).toEqual([]);
  });

  it('opens a checkpoint of the studies, and says what it does not know', async () => {
    const path = join(directory, 'study.safetensors');
    const flow = cnf({ field: mlp({ dim: 2, hidden: [5], activation: 'tanh' }) });
    const params = flow.init(key(7), { backend });
    const record = { epochs: 1, nfeForward: 1, nfeBackward: 1, seconds: 1 };
    await saveTrained(path, 'address', { params, masks: {}, record });
    const { page, errors } = await site.visit({ hash: SMALL });
    await until(page, 'dense', 'nll', (nll) => nll > 0);
    await open(page, path);
    await until(page, 'dense', 'kept', (kept) => kept === 2 * 5 + 5 + 5 * 2 + 2);
    expect(await noticeOf(page)).toContain('does not say which data and which activation');
    expect(errors).toEqual([]);
  });

  it('says what is wrong with a file, and goes on with what it had', async () => {
    const { page, errors } = await site.visit({ hash: SMALL });
    await until(page, 'dense', 'nll', (nll) => nll > 0);
    const bytes = readFileSync(`${folder}moons-dense.safetensors`);
    const header = Buffer.from(JSON.stringify({ w: { dtype: 'F32', shape: [1], data_offsets: [0, 4] } }).padEnd(64));
    const foreign = Buffer.concat([
      Buffer.from(BigUint64Array.of(BigInt(header.length)).buffer),
      header,
      Buffer.alloc(4),
    ]);
    const solid = cnf({ field: mlp({ dim: 3, hidden: [5], activation: 'tanh' }) }).init(key(7), { backend });
    for (const [name, content, words] of [
      ['cut.safetensors', bytes.subarray(0, bytes.length - 10), 'is damaged or cut off'],
      ['later.safetensors', later(bytes), 'is of a later format than this page reads'],
      ['solid.safetensors', await encodeCheckpoint({ params: solid }), 'is of a model that cannot be shown here'],
      ['foreign.safetensors', foreign, 'is not a checkpoint of Sparse Flows'],
      ['picture.png', Buffer.from('no file of tensors'), 'is not a checkpoint of Sparse Flows'],
    ] as const) {
      writeFileSync(join(directory, name), content);
      await open(page, join(directory, name));
      await page.locator('.notice.error', { hasText: `${name} ${words}` }).waitFor();
    }
    await page.evaluate(() => {
      Blob.prototype.arrayBuffer = () => Promise.reject(new DOMException('', 'NotReadableError'));
    });
    await open(page, `${folder}moons-dense.safetensors`);
    await page.locator('.notice.error', { hasText: 'moons-dense.safetensors cannot be read' }).waitFor();
    await press(page, 'Step');
    await until(page, 'dense', 'steps', (steps) => steps === 1);
    expect(errors).toEqual([]);
  });
});

/** The same checkpoint as a later version would write it, with the checksum that it has then. */
function later(bytes: Uint8Array): Uint8Array {
  const text = Buffer.from(bytes).toString('latin1').replace('"sparseflow.format":"1"', '"sparseflow.format":"2"');
  const [, opening] = /^(.*?"sparseflow\.crc32":")/s.exec(text)!;
  const rest = text.slice(opening!.length + 8);
  const checksum = crc32(Buffer.from(`${opening}00000000${rest}`, 'latin1'));
  return Buffer.from(`${opening}${checksum.toString(16).padStart(8, '0')}${rest}`, 'latin1');
}
