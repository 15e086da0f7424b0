import type { Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasBrowser, openSite, press, until, type Site } from './site.ts';

const SMALL = 'layers=2&hidden=8&batch=64&sizes=400_100_0.1';

describe.runIf(hasBrowser)('a drawing', () => {
  let site: Site;
  beforeAll(async () => {
    site = await openSite();
  });
  afterAll(() => site.close());

  const drawingOf = (page: Page): string => new URLSearchParams(new URL(page.url()).hash.slice(1)).get('drawing') ?? '';
  const changed = (page: Page, from: string): Promise<void> => expect.poll(() => drawingOf(page)).not.toBe(from);

  it('becomes data by pointer and by keys, is learned, and its link gives it to another browser', async () => {
    const { page, errors } = await site.visit({ hash: SMALL });
    await until(page, 'dense', 'nll', (nll) => nll > 0);
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

    await until(page, 'dense', 'nll', (nll) => nll > 0);
    await press(page, 'Train');
    await until(page, 'dense', 'steps', (steps) => steps >= 5);
    await press(page, 'Pause');
    const other = await site.visit({ hash: new URL(page.url()).hash.slice(1) });
    await until(other.page, 'dense', 'nll', (nll) => nll > 0);
    expect(drawingOf(other.page)).toBe(drawingOf(page));

    await press(page, 'Clear');
    await area.focus();
    await page.keyboard.press(' ');
    await page.keyboard.press(' ');
    await expect.poll(() => drawingOf(page).includes('.')).toBe(false);
    expect([...errors, ...other.errors]).toEqual([]);
  });
});
