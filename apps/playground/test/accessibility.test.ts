import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasBrowser, openSite, press, until, type Site } from './site.ts';

const SMALL = 'data=moons&layers=2&hidden=8&batch=64&sizes=100_100_0.1';

describe.runIf(hasBrowser)('accessibility', () => {
  let site: Site;
  beforeAll(async () => {
    site = await openSite();
  });
  afterAll(() => site.close());

  const violations = async (page: Page): Promise<string[]> => {
    const { violations: found } = await new AxeBuilder({ page }).analyze();
    return found.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
  };

  it.each(['light', 'dark'] as const)(
    'axe finds nothing in the %s theme, on a desktop and on a phone',
    async (colorScheme) => {
      const { page, errors } = await site.visit({ hash: SMALL, colorScheme });
      await until(page, 'dense', 'nll', (nll) => nll > 0);
      await press(page, 'Prune now');
      await until(page, 'sparse', 'nll', (nll) => nll > 0);
      await page.locator('summary').click();
      await page.getByRole('radio', { name: 'draw one' }).check({ force: true });
      expect(await page.evaluate(() => document.documentElement.dataset['theme'])).toBe(colorScheme);
      expect(await violations(page)).toEqual([]);
      await page.setViewportSize({ width: 390, height: 844 });
      expect(await violations(page)).toEqual([]);
      // Nothing is wider than the screen.
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
      expect(errors).toEqual([]);
    },
  );

  it.each([
    ['reduce', true],
    ['no-preference', false],
  ] as const)('moves nothing by itself for those who want less motion: %s', async (reducedMotion, isStill) => {
    const { page } = await site.visit({ hash: SMALL, reducedMotion });
    await until(page, 'dense', 'nll', (nll) => nll > 0);
    const moving = await page.evaluate(() =>
      [...document.querySelectorAll('*')].some((element) => {
        const { transitionDuration, animationName } = getComputedStyle(element);
        return animationName !== 'none' || transitionDuration.split(', ').some((duration) => duration !== '0s');
      }),
    );
    expect(moving).toBe(!isStill);
  });

  it('works by keys alone', async () => {
    const { page, errors } = await site.visit({ hash: SMALL });
    const file = { name: 'a.png', mimeType: 'image/png', buffer: Buffer.from('no file of tensors') };
    page.once('filechooser', (chooser) => void chooser.setFiles(file));
    await until(page, 'dense', 'nll', (nll) => nll > 0);
    const focused = (): Promise<string> =>
      page.evaluate(
        () =>
          document.activeElement?.textContent ||
          document.activeElement?.getAttribute('aria-label') ||
          document.activeElement?.closest('label')?.textContent ||
          '',
      );
    const tabTo = async (name: string): Promise<void> => {
      for (let i = 0; i < 60; i++) {
        await page.keyboard.press('Tab');
        if ((await focused()) === name) return;
      }
      throw new Error(`'${name}' is not reached by Tab`);
    };
    const reached: string[] = [];
    for (let i = 0; i < 5; i++) {
      await page.keyboard.press('Tab');
      reached.push(await focused());
    }
    // In the order in which they are seen.
    expect(reached).toEqual(['Train', 'Step', 'Reset', 'WebAssemblyWebGPU', expect.stringMatching(/^(Light|Dark)$/)]);
    for (let i = 0; i < 3; i++) await page.keyboard.press('Shift+Tab');
    await page.keyboard.press('Enter');
    await until(page, 'dense', 'steps', (steps) => steps === 1);

    // A group of radio buttons is one stop; arrows move in it.
    await tabTo('Density');
    await page.keyboard.press('ArrowRight');
    expect(await focused()).toBe('Samples');
    expect(await page.getByRole('radio', { name: 'Samples' }).isChecked()).toBe(true);

    await tabTo('Open…');
    await page.keyboard.press('Enter');
    const alert = page.getByRole('alert');
    await alert.getByText('a.png is not a checkpoint').waitFor();
    await tabTo('×');
    await page.keyboard.press('Enter');
    await expect.poll(() => alert.textContent()).toBe('');
    expect(errors).toEqual([]);
  });
});
