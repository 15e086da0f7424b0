import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright';
import { openSite, press, until, type Site } from './site.ts';

/*
 * Makes the pictures of the README anew: `pnpm exec tsx apps/playground/test/screenshots.ts`, after a build. Looked at by people and
 * compared by nobody: as many steps give the same models, but a number of milliseconds is another each time.
 */

const DOCS = new URL('../docs/', import.meta.url);

const SIZES = { desktop: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } } as const;

/** Six Gaussians, 150 steps and four rounds of Algorithm 1 from the link, down to 20 % of the weights. */
async function pruned(site: Site, colorScheme: 'light' | 'dark'): Promise<Page> {
  const { page } = await site.visit({ hash: 'seed=0&remove=80&rounds=4&steps=30', colorScheme });
  await until(page, 'dense', 'nll', (nll) => nll > 0);
  await press(page, 'Train');
  await until(page, 'dense', 'steps', (steps) => steps >= 150);
  await press(page, 'Pause');
  await press(page, 'Run Algorithm 1');
  await page.getByText('Algorithm 1 is done').waitFor({ timeout: 120_000 });
  return page;
}

/** As WebP, which Playwright does not write by itself. */
async function shoot(page: Page, name: string, part = page.locator('body')): Promise<void> {
  // Fine pictures come when training rests.
  await page.waitForTimeout(3000);
  // Boxes are measured from what is seen, pictures are cut from the page.
  await page.evaluate(() => scrollTo(0, 0));
  const box = (await part.boundingBox())!;
  const { width, height } = page.viewportSize()!;
  const clip = { ...box, width: Math.min(box.width, width), height: Math.min(box.height, height), scale: 1 };
  const devtools = await page.context().newCDPSession(page);
  const { data } = await devtools.send('Page.captureScreenshot', { format: 'webp', quality: 80, clip });
  await devtools.detach();
  const path = fileURLToPath(new URL(`${name}.webp`, DOCS));
  writeFileSync(path, Buffer.from(data, 'base64'));
  console.log(path);
}

const site = await openSite();
try {
  for (const theme of ['light', 'dark'] as const) {
    const page = await pruned(site, theme);
    for (const [device, size] of Object.entries(SIZES)) {
      await page.setViewportSize(size);
      await shoot(page, `${device}-${theme}`);
    }
    if (theme === 'dark') continue;
    await page.setViewportSize(SIZES.desktop);
    for (const view of ['Vector field', 'Trajectories']) {
      await page.locator('.segments label', { hasText: view }).click();
      await shoot(page, view.toLowerCase().replaceAll(' ', '-'), page.locator('.panes'));
    }
    await page.context().close();
  }
} finally {
  await site.close();
}
