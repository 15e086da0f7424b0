import { existsSync, readFileSync } from 'node:fs';
import type { Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { requireOrExplain } from '../../../test-support/environment.ts';
import { factOf, hasBrowser, openSite, press, until, type Site } from './site.ts';

/** `PLAYGROUND_MINUTES=5` watches for so long; by default a few seconds. */
const MINUTES = Number(process.env['PLAYGROUND_MINUTES'] ?? 0.1);

/** Small enough for thousands of steps in a minute. */
const SMALL = 'layers=2&hidden=8&batch=32&tolerance=0.01&sizes=200_100_0.1';

const hasProc = requireOrExplain('/proc', existsSync('/proc/self/status'), 'run on Linux');

describe.runIf(hasBrowser && hasProc)('memory', () => {
  let site: Site;
  beforeAll(async () => {
    site = await openSite({ flags: ['--js-flags=--expose-gc'] });
  });
  afterAll(() => site.close());

  it(
    'stays flat while three models are trained and drawn',
    async () => {
      const { page, errors } = await site.visit({ hash: SMALL });
      await until(page, 'dense', 'nll', (nll) => nll > 0);
      await press(page, 'Train');
      await until(page, 'dense', 'steps', (n) => n >= 20);
      await press(page, 'Prune now');
      await until(page, 'sparse', 'steps', (n) => n >= 60);
      // In its first seconds V8 compiles and lets heaps grow to what suits the load, by some 80 MB.
      await page.waitForTimeout(MINUTES * 6_000);
      const warm = await factOf(page, 'sparse', 'steps');
      const before = await memoryOf(site, page);
      await page.waitForTimeout(MINUTES * 60_000);
      const steps = await until(page, 'sparse', 'steps', (n) => n >= warm + 40);
      const after = await memoryOf(site, page);
      process.stderr.write(
        `${steps - warm} steps of two models: ${before.toFixed(1)} MB before, ${after.toFixed(1)} MB after\n`,
      );
      // A leak of 20 kB a step (gradients, moments, pictures) would be 100 MB in five minutes; heaps breathe by some 50.
      // In seconds only gross leaks show: session.test.ts counts the tensors.
      expect(after - before).toBeLessThan(80);
      expect(errors).toEqual([]);
    },
    60_000 + MINUTES * 60_000,
  );

  it(
    'of the GPU stays flat, too: buffers that were destroyed make up for those that were made',
    async () => {
      const { page, errors } = await site.visit({ hash: 'layers=2&hidden=4&batch=18&tolerance=0.1&sizes=50_50_0.1' });
      await until(page, 'dense', 'nll', (nll) => nll > 0);
      await page.workers()[0]!.evaluate(countGpuBuffers);
      await page.getByLabel('Computes on').selectOption('webgpu');
      await page.locator('.backend', { hasText: 'WebGPU' }).waitFor();
      await press(page, 'Prune now');
      await until(page, 'sparse', 'nll', (nll) => nll > 0);
      await press(page, 'Train');
      const begun = await until(page, 'sparse', 'steps', (n) => n >= 10);
      const before = await gpuBuffers(page);
      await page.waitForTimeout(MINUTES * 60_000);
      const steps = await until(page, 'sparse', 'steps', (n) => n >= begun + 10);
      const after = await gpuBuffers(page);
      // Pictures of another size need buffers of other sizes; what a step or a picture leaks, has a size that was there before.
      const more = Object.entries(before).map(([size, count]) => (after[size] ?? 0) - count);
      const bytes = (of: Buffers): number =>
        Object.entries(of).reduce((sum, [size, count]) => sum + Number(size) * count, 0);
      process.stderr.write(
        `${steps - begun} steps on the GPU: ${bytes(before)} bytes before, ${bytes(after)} after; of the same sizes at most ${Math.max(...more)} more buffers\n`,
      );
      expect(Object.keys(before).length).toBeGreaterThan(10);
      // A step more in a solve needs a few more of each size; a leak of one buffer a step would be ten at least.
      expect(Math.max(...more)).toBeLessThan(10);
      // A picture of a size that was not drawn before needs some 20 buffers each of one, two and four numbers a cell: of the
      // largest while training goes on, 64 × 64 cells, 20 · (1 + 2 + 4) · 4096 · 4 bytes, which is 2.3 MB.
      expect(bytes(after) - bytes(before)).toBeLessThan(2.5e6);
      expect(errors).toEqual([]);
    },
    120_000 + MINUTES * 60_000,
  );
});

/** From now on the worker knows which buffers of the GPU live. */
function countGpuBuffers(): void {
  const live = new Set<GPUBuffer>();
  const { createBuffer } = GPUDevice.prototype;
  const { destroy } = GPUBuffer.prototype;
  GPUDevice.prototype.createBuffer = function (descriptor) {
    const buffer = createBuffer.call(this, descriptor);
    live.add(buffer);
    return buffer;
  };
  GPUBuffer.prototype.destroy = function () {
    live.delete(this);
    return destroy.call(this);
  };
  Object.assign(globalThis, { live });
}

/** Buffers of the GPU that live, by their size in bytes. */
type Buffers = Readonly<Record<string, number>>;

function gpuBuffers(page: Page): Promise<Buffers> {
  return page.workers()[0]!.evaluate(() => {
    const counts: Record<string, number> = {};
    for (const { size } of (globalThis as unknown as { live: Set<GPUBuffer> }).live)
      counts[size] = (counts[size] ?? 0) + 1;
    return counts;
  });
}

/** What the processes of page, worker and GPU hold after a collection, in MB. */
async function memoryOf(site: Site, page: Page): Promise<number> {
  const collect = (): void => (globalThis as unknown as { gc(): void }).gc();
  await page.evaluate(collect);
  await page.workers()[0]!.evaluate(collect);
  const session = await site.browser.newBrowserCDPSession();
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  await session.detach();
  const held = processInfo
    .filter(({ type }) => type === 'renderer' || type === 'GPU')
    .map(({ id }) => Number(/RssAnon:\s+(\d+) kB/.exec(readFileSync(`/proc/${id}/status`, 'utf8'))?.[1]));
  return held.reduce((sum, kB) => sum + kB / 1000, 0);
}
