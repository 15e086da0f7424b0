import type { Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { factOf, hasBrowser, openSite, press, until, type Site } from './site.ts';

describe.runIf(hasBrowser)('training', () => {
  let site: Site;
  beforeAll(async () => {
    site = await openSite();
  });
  afterAll(() => site.close());

  it('learns the gaussians in WebAssembly, prunes to 80 %, and trains on beside a control; input is answered meanwhile', async () => {
    const { page, errors } = await site.visit();
    // 1.134 nats is the entropy of the mixture, 2.84 what a normal distribution reaches.
    await until(page, 'dense', 'nll', (nll) => nll > 2.5);
    await press(page, 'Train');
    await until(page, 'dense', 'nll', (nll) => nll < 1.6, 60_000);
    expect(await page.locator('.backend').textContent()).toMatch(/^WebAssembly, \d+ threads$/);

    const delays = await inputDelays(page, 30);
    // Of the slowest few on a machine whose cores are all busy the page is not the cause.
    expect(delays[Math.floor(0.8 * delays.length)]).toBeLessThan(50);

    await press(page, 'Pause');
    await press(page, 'Prune now');
    const parameters = await factOf(page, 'dense', 'kept');
    expect(parameters).toBe(2 * 64 + 64 + 64 * 64 + 64 + 64 * 2 + 2);
    const kept = await until(page, 'sparse', 'kept', (n) => n > 0);
    expect(Math.abs(kept / parameters - 0.2)).toBeLessThan(0.01);
    expect(await factOf(page, 'control', 'kept')).toBe(parameters);

    const before = await until(page, 'sparse', 'nll', (nll) => nll > 0);
    const steps = await factOf(page, 'sparse', 'steps');
    await press(page, 'Train');
    await until(page, 'sparse', 'steps', (n) => n >= steps + 10);
    await press(page, 'Pause');
    const after = await until(page, 'sparse', 'nll', (nll) => nll !== before);
    expect(after).toBeLessThan(before);
    expect(await factOf(page, 'control', 'steps')).toBe(await factOf(page, 'sparse', 'steps'));
    expect(await factOf(page, 'dense', 'steps')).toBe(steps);
    expect(errors).toEqual([]);
  }, 90_000);
});

/** From when the browser took a key press until its handlers were done, in milliseconds, rising. */
async function inputDelays(page: Page, count: number): Promise<number[]> {
  await page.evaluate(() => {
    const delays: number[] = [];
    Object.assign(globalThis, { delays });
    addEventListener('keydown', ({ timeStamp }) => delays.push(performance.now() - timeStamp));
  });
  await page.getByRole('slider').first().focus();
  for (let i = 0; i < count; i++) {
    await page.keyboard.press(i % 2 === 0 ? 'ArrowLeft' : 'ArrowRight');
    await page.waitForTimeout(40);
  }
  const delays = await page.evaluate(() => (globalThis as unknown as { delays: number[] }).delays);
  expect(delays).toHaveLength(count);
  return delays.toSorted((a, b) => a - b);
}
