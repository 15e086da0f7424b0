import { afterEach, describe, expect, it } from 'vitest';
import type { Page, Worker } from 'playwright';
import { factOf, hasBrowser, openSite, press, until, type Site } from './site.ts';

const SMALL = 'layers=2&hidden=4&batch=16&sizes=50_50_0.1';
/** On a processor without SSE 4.1 V8 has no WebAssembly SIMD; these flags make it believe so. */
const NO_SIMD = ['--js-flags=--no-enable-sse4-1 --no-enable-ssse3'];

describe.runIf(hasBrowser)('where something is missing', () => {
  let site: Site;
  afterEach(() => site.close());

  const textOf = (page: Page, name: string): Promise<string | null> =>
    page.locator(`[data-notice=${name}]`).textContent();
  const trains = async (page: Page): Promise<void> => {
    const steps = await until(page, 'dense', 'steps', (n) => n >= 0);
    await press(page, 'Step');
    await until(page, 'dense', 'steps', (n) => n === steps + 1);
  };

  it('trains on one thread without SharedArrayBuffer, and says why', async () => {
    site = await openSite({ isolated: false });
    const { page, errors } = await site.visit({ hash: SMALL, serviceWorkers: 'block' });
    await until(page, 'dense', 'nll', (nll) => nll > 0);
    expect(await page.locator('.backend').textContent()).toBe('WebAssembly, 1 thread');
    expect(await textOf(page, 'backend')).toContain('no SharedArrayBuffer');
    await trains(page);
    expect(errors).toEqual([]);
  });

  it('is isolated by its service worker on a host without headers, works offline, and goes on where it was', async () => {
    site = await openSite({ isolated: false });
    const { page, errors } = await site.visit({ hash: SMALL });
    // It loads once more by itself.
    await page.waitForFunction(() => crossOriginIsolated && navigator.serviceWorker.controller !== null);
    await until(page, 'dense', 'nll', (nll) => nll > 0);
    expect(await page.locator('.backend').textContent()).toMatch(/^WebAssembly, \d+ threads$/);
    await page.context().setOffline(true);
    await page.reload();
    await until(page, 'dense', 'nll', (nll) => nll > 0);
    await trains(page);
    expect(errors).toEqual([]);
  });

  it('computes in JavaScript without WebAssembly SIMD, and stays on WebAssembly without WebGPU; says both', async () => {
    site = await openSite({ webGpu: false, flags: NO_SIMD });
    const { page, errors } = await site.visit({ hash: SMALL });
    await until(page, 'dense', 'nll', (nll) => nll > 0);
    expect(await page.locator('.backend').textContent()).toBe('JavaScript');
    expect(await textOf(page, 'backend')).toContain('does not run WebAssembly with SIMD');
    await page.getByLabel('Computes on').selectOption('webgpu');
    const notice = await page.locator('.notice.warning', { hasText: 'WebGPU' }).textContent();
    // In words for those who look: nothing of libraries, or of backends that the page does not have.
    expect(notice).not.toMatch(/tfjs|webgl/i);
    expect(await page.getByLabel('Computes on').inputValue()).toBe('wasm');
    await trains(page);
    // The library warns of the missing kernels.
    expect(errors).toEqual([]);
  });

  it('refuses a net that is too large', async () => {
    site = await openSite();
    const { page, errors } = await site.visit({ hash: SMALL });
    await until(page, 'dense', 'nll', (nll) => nll > 0);
    await page.locator('summary').click();
    await page.getByLabel('Layers').fill('4');
    await page.getByLabel('Neurons per layer').fill('20000');
    await page.keyboard.press('Tab');
    await page.locator('.notice.error', { hasText: 'too large for the memory of this device' }).waitFor();
    // What was there is still there, and so are its settings.
    expect(await page.getByLabel('Neurons per layer').inputValue()).toBe('4');
    expect(errors).toEqual([]);
  });

  it('trains without its service worker where the browser has no room for one, and says that it works only online', async () => {
    site = await openSite({ isolated: false });
    const { page } = await site.visit({ hash: SMALL, prepare: leaveNoRoom });
    await page.locator('.notice', { hasText: 'has no room to keep this page, so it works only online' }).waitFor();
    await trains(page);
    await page.locator('.notice.warning', { hasText: 'no room left to keep the models' }).waitFor();
  });

  it('trains on WebGPU, also after a while in WebAssembly and a file that is none, and goes on in WebAssembly from the last state when the device is lost', async () => {
    site = await openSite();
    // The software adapter needs milliseconds for each of the few hundred operations of a step.
    const { page, errors } = await site.visit({ hash: `${SMALL}&tolerance=0.1&trace=hutchinson` });
    await until(page, 'dense', 'nll', (nll) => nll > 0);
    await press(page, 'Step');
    await until(page, 'dense', 'steps', (n) => n === 1);
    await watchDevices(page.workers()[0]!);
    await page.getByLabel('Computes on').selectOption('webgpu');
    await page.locator('.backend', { hasText: 'WebGPU' }).waitFor();
    await press(page, 'Train');
    await until(page, 'dense', 'steps', (n) => n >= 2);
    await page.getByLabel('Computes on').selectOption('wasm');
    await page.locator('.backend', { hasText: 'WebAssembly' }).waitFor();
    await page.getByLabel('Computes on').selectOption('webgpu');
    await page.locator('.backend', { hasText: 'WebGPU' }).waitFor();

    const file = { name: 'picture.png', mimeType: 'image/png', buffer: Buffer.from('no file of tensors') };
    await page.locator('input[type=file]').setInputFiles(file);
    await page.locator('.notice.error', { hasText: 'is not a checkpoint' }).waitFor();
    expect(await page.locator('.backend').textContent()).toBe('WebGPU');
    await press(page, 'Train');
    const steps = await factOf(page, 'dense', 'steps');
    // A second after a step the state of one is off the device.
    const before = await until(page, 'dense', 'steps', (n) => n > steps + 2);
    await page
      .workers()[0]!
      .evaluate(() => (globalThis as unknown as Watched).devices.forEach((device) => device.destroy()));
    const notice = page.locator('.notice.warning', { hasText: 'The GPU failed: training goes on from step' });
    const text = (await notice.textContent())!;
    const from = Number(/from step (\d+)/.exec(text)![1]);
    const lost = Number(/\((\d+) steps? to take again\)/.exec(text)?.[1] ?? 0);
    expect(from).toBeGreaterThanOrEqual(steps);
    expect(from + lost).toBeGreaterThanOrEqual(before);
    expect(text).not.toMatch(/tfjs/i);
    await page.locator('.backend', { hasText: 'WebAssembly' }).waitFor();
    // It is still training.
    await until(page, 'dense', 'steps', (n) => n > before + 3);
    expect(errors).toEqual([]);
  }, 60_000);
});

async function leaveNoRoom(page: Page, url: string): Promise<void> {
  const session = await page.context().newCDPSession(page);
  await session.send('Storage.overrideQuotaForOrigin', { origin: new URL(url).origin, quotaSize: 1 });
}

interface Watched {
  devices: GPUDevice[];
}

/** Keeps hold of the devices that the page opens from now on. */
async function watchDevices(worker: Worker): Promise<void> {
  await worker.evaluate(() => {
    const watched = globalThis as unknown as Watched;
    watched.devices = [];
    const { requestDevice } = GPUAdapter.prototype;
    GPUAdapter.prototype.requestDevice = async function (...args) {
      const device = await requestDevice.apply(this, args);
      watched.devices.push(device);
      return device;
    };
  });
}
