import type { Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { factOf, hasBrowser, openSite, press, settled, until, type Site } from './site.ts';

const SMALL = 'layers=2&hidden=8&batch=64&sizes=400_100_0.1';

describe.runIf(hasBrowser)('a drawing', () => {
  let site: Site;
  beforeAll(async () => {
    site = await openSite();
  });
  afterAll(() => site.close());

  const drawingOf = (page: Page): string => new URLSearchParams(new URL(page.url()).hash.slice(1)).get('drawing') ?? '';
  /** Of the data as they are now, not of those before. */
  const nllOf = async (page: Page): Promise<number> => {
    await until(page, 'dense', 'nll', (nll) => nll > 0);
    await settled(page, 'dense');
    return factOf(page, 'dense', 'nll');
  };
  const changed = (page: Page, from: string): Promise<void> => expect.poll(() => drawingOf(page)).not.toBe(from);

  it('becomes data by pointer and by keys, is learned, and its link gives it to another browser', async () => {
    const { page, errors } = await site.visit({ hash: SMALL });
    const gaussians = await until(page, 'dense', 'nll', (nll) => nll > 0);
    await page.locator('summary').click();
    await page.getByRole('radio', { name: 'draw one' }).check({ force: true });
    const area = page.getByRole('application');
    const { x, y, width, height } = (await area.boundingBox())!;
    const at = (right: number, down: number) => [x + right * width, y + down * height] as const;
    await page.mouse.move(...at(0.25, 0.25));
    await page.mouse.down();
    await page.mouse.move(...at(0.75, 0.25), { steps: 5 });
    await page.mouse.up();
    await changed(page, '');
    const stroke = drawingOf(page);
    // From a quarter of the way across to three quarters, at three quarters of the height: places of 64, 16 'Q' and 48 'w'.
    expect(stroke).toMatch(/^Qw.*ww$/);

    await area.focus();
    for (const key of ['ArrowDown', 'ArrowDown', ' ', 'ArrowLeft', 'ArrowLeft', ' ']) await page.keyboard.press(key);
    await changed(page, stroke);
    expect(drawingOf(page).split('.')).toHaveLength(2);

    const fresh = await nllOf(page);
    const other = await site.visit({ hash: new URL(page.url()).hash.slice(1) });
    // Models of a seed begin the same, and so differ in their likelihood by the data only.
    expect(await nllOf(other.page)).toBe(fresh);
    expect(fresh).not.toBe(gaussians);
    expect(drawingOf(other.page)).toBe(drawingOf(page));
    await press(page, 'Train');
    await until(page, 'dense', 'steps', (steps) => steps >= 30);
    await press(page, 'Pause');
    // So many steps make it some 0.7 nats less.
    expect(await nllOf(page)).toBeLessThan(fresh - 0.3);

    await press(page, 'Clear');
    await area.focus();
    await page.keyboard.press(' ');
    await page.keyboard.press(' ');
    await expect.poll(() => drawingOf(page).includes('.')).toBe(false);
    expect([...errors, ...other.errors]).toEqual([]);
  });
});
