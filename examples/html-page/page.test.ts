import { existsSync } from 'node:fs';
import { chromium } from 'playwright';
import { expect, test } from 'vitest';
import { CHROMIUM_FLAGS, chromiumPath, requireOrExplain } from '../../test-support/environment.ts';
import { serve } from './serve.ts';

const executablePath = chromiumPath();

test.runIf(requireOrExplain('Chromium', executablePath !== undefined))(
  'the page solves its problem in Chromium, from built files and an import map alone',
  async () => {
    const built = new URL('../../packages/ode-solvers/dist/index.js', import.meta.url);
    if (!existsSync(built)) throw new Error('the packages are not built. To fix: pnpm build');
    const { server, url } = await serve(0);
    const browser = await chromium.launch({ executablePath: executablePath!, args: [...CHROMIUM_FLAGS] });
    try {
      const page = await browser.newPage();
      const failures: string[] = [];
      page.on('pageerror', ({ message }) => failures.push(message));
      page.on('console', (message) => message.type() === 'error' && failures.push(message.text()));
      await page.goto(url);
      const length = Number(await page.locator('output').textContent());
      // The period is 2π √(length / g) / agm(1, cos(half the angle)).
      let [a, b] = [1, Math.cos(0.5)];
      for (let i = 0; i < 5; i++) [a, b] = [(a + b) / 2, Math.sqrt(a * b)];
      expect(length).toBeCloseTo(9.81 * (a / Math.PI) ** 2, 7);
      expect(failures).toEqual([]);
    } finally {
      await browser.close();
      server.close();
    }
  },
);
