import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { AxeBuilder } from '@axe-core/playwright';
import { chromium } from 'playwright';
import type { Browser } from 'playwright';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CHROMIUM_FLAGS, chromiumPath, requireOrExplain } from '../../../test-support/environment.ts';
import { renderPage } from '../src/report/page.ts';
import { colours, darkColours } from '../src/report/theme.ts';
import { readResults } from '../src/results/read.ts';
import { runMain } from './runMain.ts';

/** CSS pixels between the margins of 12 mm of an A4 page: 186 mm at 96 a 25.4 mm. */
const paperWidth = 703;

// The report as people read it: opened from the disk, on a phone, by day and in the dark, on paper.
describe.runIf(requireOrExplain('Chromium', chromiumPath() !== undefined))('index.html in Chromium', () => {
  let directory: string;
  let browser: Browser;
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'page-'));
    browser = await chromium.launch({ executablePath: chromiumPath()!, args: [...CHROMIUM_FLAGS] });
  }, 60_000);
  afterAll(async () => {
    await browser.close();
    rmSync(directory, { recursive: true });
  });

  /** A report that the program has written. */
  async function smokeReport(): Promise<string> {
    const { code } = await runMain(directory, 'gaussians hessian ablation-solver --budget smoke --backend reference');
    expect(code).toBe(0);
    return join(directory, 'results', 'index.html');
  }

  /** Three seeds and the widest tables: the published results. */
  function publishedReport(): Promise<string> {
    const published = fileURLToPath(new URL('../results-published', import.meta.url));
    const refuse = (path: string, reason: string): never => {
      throw new Error(`${path}: ${reason}`);
    };
    const path = join(directory, 'published.html');
    writeFileSync(path, renderPage(readResults(published, refuse)));
    return Promise.resolve(path);
  }

  test.each([
    ['of a smoke run', smokeReport, { isExamined: true }],
    ['of the published results', publishedReport, { isExamined: false }], // A quarter of a minute a theme, for more of the same.
  ])('%s fits a phone, light and dark, and paper', { timeout: 120_000 }, async (_what, write, { isExamined }) => {
    const path = await write();
    const context = await browser.newContext({ viewport: { width: 390, height: 844 } });
    const page = await context.newPage();
    const [failures, asked]: [string[], string[]] = [[], []];
    page.on('pageerror', ({ message }) => failures.push(message));
    page.on('console', (message) => message.type() === 'error' && failures.push(message.text()));
    page.on('request', (request) => asked.push(request.url()));
    await page.goto(pathToFileURL(path).href);
    expect(failures).toEqual([]);
    expect(asked.filter((url) => !url.startsWith('data:'))).toEqual([pathToFileURL(path).href]);
    expect(await page.locator('figure svg').count()).toBeGreaterThan(3);

    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
    const themes = { light: colours, dark: darkColours } as const;
    for (const [colorScheme, theme] of Object.entries(themes) as ['light' | 'dark', typeof darkColours][]) {
      await page.emulateMedia({ colorScheme });
      const channels = [1, 3, 5].map((i) => Number.parseInt(theme.background.slice(i, i + 2), 16));
      const background = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      expect(background).toBe(`rgb(${channels.join(', ')})`);
      if (!isExamined) continue;
      const { violations } = await new AxeBuilder({ page }).analyze();
      expect(violations.map(({ id, nodes }) => `${colorScheme}, ${id}: ${nodes[0]!.html}`)).toEqual([]);
    }

    await page.emulateMedia({ media: 'print' });
    await page.setViewportSize({ width: paperWidth, height: 1000 });
    // Paper cannot be scrolled: what is wider is cut.
    const cut = await page.evaluate((width) => {
      const elements = [...document.querySelectorAll('main *, header *')];
      return elements
        .filter((element) => element.closest('.name') === null && element.getBoundingClientRect().right > width + 1)
        .map(({ tagName, textContent }) => `${tagName} ${textContent.slice(0, 40)}`);
    }, paperWidth);
    expect(cut).toEqual([]);
    const pdf = join(directory, 'page.pdf');
    await page.pdf({ path: pdf, format: 'A4', preferCSSPageSize: true });
    expect(readFileSync(pdf, 'latin1')).toMatch(/^%PDF-/);
    await context.close();
  });
});
