import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { factOf, hasBrowser, openSite, press, until, type Site } from './site.ts';

const SMALL = 'seed=3&layers=2&hidden=8&batch=32&tolerance=0.1&sizes=50_50_0.1';
/** Weights of SMALL, and of one that is half as wide. */
const WEIGHTS = 2 * 8 + 8 + 8 * 2 + 2;
const NARROW = 2 * 4 + 4 + 4 * 2 + 2;

describe.runIf(hasBrowser)('links and later visits', () => {
  let site: Site;
  beforeAll(async () => {
    site = await openSite();
  });
  afterAll(() => site.close());

  it('a reload in the middle of training loses nothing that was pruned, and little that was learned', async () => {
    const { page, errors } = await site.visit({ hash: SMALL });
    await until(page, 'dense', 'nll', (nll) => nll > 0);
    await press(page, 'Train');
    await until(page, 'dense', 'steps', (steps) => steps >= 3);
    await page.reload();
    const kept = await until(page, 'dense', 'steps', (steps) => steps > 0);
    await press(page, 'Train');
    await until(page, 'dense', 'steps', (steps) => steps > kept);
    await press(page, 'Prune now');
    const left = await until(page, 'sparse', 'kept', (n) => n < WEIGHTS);
    await page.reload();
    await until(page, 'sparse', 'kept', (n) => n === left);
    expect(await factOf(page, 'control', 'kept')).toBe(WEIGHTS);

    // The address without a link goes on, too; one with a link means what it says, although something else was kept.
    const second = await page.context().newPage();
    await second.goto(site.url);
    await until(second, 'sparse', 'kept', (n) => n === left);
    const third = await page.context().newPage();
    await third.goto(`${site.url}#${SMALL.replace('hidden=8', 'hidden=4')}`);
    await until(third, 'dense', 'kept', (n) => n === NARROW);
    expect(errors).toEqual([]);
  });

  it('a link holds all settings, is never empty, and is opened when it is pasted into the open page', async () => {
    const permissions = ['clipboard-read', 'clipboard-write'];
    const { page, errors } = await site.visit({ hash: SMALL, permissions });
    await until(page, 'dense', 'nll', (nll) => nll > 0);
    await page.getByLabel('Share of the weights to remove').fill('60');
    await page.getByRole('radio', { name: 'Neurons' }).check({ force: true });
    await page.getByLabel('Rounds').fill('2');
    await page.getByLabel('Steps per round').fill('7');
    await press(page, 'Copy link');
    const link = await page.evaluate(() => navigator.clipboard.readText());
    expect(link).toBe(
      `${site.url}#structure=structured&${SMALL.replace('&sizes', '&remove=60&rounds=2&steps=7&sizes')}`,
    );

    const narrow = SMALL.replace('hidden=8', 'hidden=4');
    await page.evaluate((hash) => (location.hash = hash), narrow);
    await until(page, 'dense', 'kept', (n) => n === NARROW);
    expect(await page.getByLabel('Rounds').inputValue()).toBe('5');
    await page.evaluate((hash) => (location.hash = hash), new URL(link).hash);
    await until(page, 'dense', 'kept', (n) => n === WEIGHTS);
    expect(await page.getByLabel('Share of the weights to remove').inputValue()).toBe('60');
    expect(await page.getByRole('radio', { name: 'Neurons' }).isChecked()).toBe(true);
    expect(await page.getByLabel('Rounds').inputValue()).toBe('2');
    expect(errors).toEqual([]);
  });
});
