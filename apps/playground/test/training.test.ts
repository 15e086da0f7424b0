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

    const keyed = await busiest(site, async () => {
      const delays = await inputDelays(page, 30);
      // The slowest few wait for a core: the page itself is never busy for long, whoever else uses the cores.
      expect(delays[Math.floor(0.8 * delays.length)]).toBeLessThan(50);
    });
    expect(keyed).toBeLessThan(50);

    await press(page, 'Pause');
    await press(page, 'Prune now');
    const parameters = await factOf(page, 'dense', 'kept');
    expect(parameters).toBe(2 * 64 + 64 + 64 * 64 + 64 + 64 * 2 + 2);
    const kept = await until(page, 'sparse', 'kept', (n) => n > 0);
    expect(Math.abs(kept / parameters - 0.2)).toBeLessThan(0.01);
    expect(await factOf(page, 'control', 'kept')).toBe(parameters);

    const before = await until(page, 'sparse', 'nll', (nll) => nll > 0);
    const steps = await factOf(page, 'sparse', 'steps');
    const trained = await busiest(site, async () => {
      await press(page, 'Train');
      await until(page, 'sparse', 'steps', (n) => n >= steps + 5);
      await page.locator('.segments label', { hasText: 'Trajectories' }).click();
      await until(page, 'control', 'nll', (nll) => nll > 0);
      await until(page, 'sparse', 'steps', (n) => n >= steps + 10);
      await press(page, 'Pause');
    });
    expect(trained).toBeLessThan(50);
    const after = await until(page, 'sparse', 'nll', (nll) => nll !== before);
    expect(after).toBeLessThan(before);
    expect(await factOf(page, 'control', 'steps')).toBe(await factOf(page, 'sparse', 'steps'));
    expect(await factOf(page, 'dense', 'steps')).toBe(steps);
    // What is pruned is not computed.
    expect(await factOf(page, 'sparse', 'ms')).toBeLessThan(await factOf(page, 'control', 'ms'));
    expect(errors).toEqual([]);
  }, 90_000);

  it('leaves a number alone that is being typed while it trains, and Algorithm 1 takes it', async () => {
    const { page, errors } = await site.visit({ hash: 'layers=2&hidden=8&batch=64&sizes=400_100_0.1' });
    await until(page, 'dense', 'nll', (nll) => nll > 0);
    await press(page, 'Train');
    const rounds = page.getByLabel('Rounds');
    await rounds.fill('2');
    const steps = await factOf(page, 'dense', 'steps');
    await until(page, 'dense', 'steps', (n) => n > steps + 20);
    await press(page, 'Pause');
    expect(await rounds.inputValue()).toBe('2');
    await page.getByLabel('Steps per round').fill('3');
    await press(page, 'Run Algorithm 1');
    await page.getByText('Algorithm 1 is done: 2 rounds of 3 steps.').waitFor();
    await rounds.fill('31');
    await rounds.blur();
    expect(await rounds.inputValue()).toBe('2');
    expect(errors).toEqual([]);
  });
});

interface TraceEvent {
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  /** Time of the thread itself, in microseconds. */
  readonly tdur?: number;
  readonly args: { readonly name?: string };
}

/** How much time of a core the longest task of a page's main thread takes meanwhile, in milliseconds. */
async function busiest({ browser }: Site, act: () => Promise<void>): Promise<number> {
  await browser.startTracing(undefined, { categories: ['disabled-by-default-devtools.timeline'] });
  await act();
  const { traceEvents } = JSON.parse(String(await browser.stopTracing())) as { readonly traceEvents: TraceEvent[] };
  const threadOf = ({ pid, tid }: TraceEvent): string => `${pid}:${tid}`;
  const named = traceEvents.filter(({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain');
  const main = new Set(named.map(threadOf));
  const tasks = traceEvents.filter((event) => event.name === 'RunTask' && main.has(threadOf(event)));
  // Those at the edges of the trace are not whole, and have no time.
  const times = tasks.flatMap(({ tdur }) => (tdur === undefined ? [] : tdur / 1000));
  expect(times.length).toBeGreaterThan(50);
  return Math.max(...times);
}

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
