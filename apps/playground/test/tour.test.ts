import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { factOf, hasBrowser, openSite, pictureOf, press, until, type Site } from './site.ts';

const TINY = 'data=moons&layers=2&hidden=8&batch=32&tolerance=0.1&sizes=100_100_0.1';

describe.runIf(hasBrowser)('a tour', () => {
  let site: Site;
  beforeAll(async () => {
    site = await openSite();
  });
  afterAll(() => site.close());

  /** Does something, waits until a model's picture is another, and looks whether all of the page can be used by all. */
  const changes = async (page: Page, act: () => Promise<unknown>): Promise<void> => {
    const before = await pictureOf(page, 'dense');
    await act();
    await expect.poll(() => pictureOf(page, 'dense')).not.toBe(before);
    const { violations } = await new AxeBuilder({ page }).analyze();
    expect(violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`))).toEqual([]);
  };
  const choose = (page: Page, name: string): Promise<void> =>
    page.locator('.segments label', { hasText: name }).click();

  it('of the views, the themes, pruning by hand, curvature and a classifier', async () => {
    const { page, errors } = await site.visit({ hash: TINY, colorScheme: 'light' });
    await until(page, 'dense', 'nll', (nll) => nll > 0);
    await changes(page, () => choose(page, 'Samples'));
    await changes(page, () => choose(page, 'Vector field'));
    await changes(page, () => choose(page, 'Trajectories'));
    await changes(page, () => page.getByLabel('Time t').fill('0.5'));
    await changes(page, () => press(page, 'Switch to the dark theme'));
    expect(await page.evaluate(() => document.documentElement.dataset['theme'])).toBe('dark');

    await choose(page, 'Neurons');
    await press(page, 'Prune now');
    const left = await until(page, 'sparse', 'kept', (n) => n > 0);
    // A neuron is a row of 2, a column of 2 and a bias: 5 of the 42 weights.
    expect((42 - left) % 5).toBe(0);
    await expect.poll(() => blankOf(page)).toEqual({ blank: ((42 - left) / 5) * 4, said: ((42 - left) / 5) * 4 });
    await choose(page, 'Weights');
    await page.getByLabel('Share of the weights to remove').fill('40');
    await until(page, 'sparse', 'kept', (n) => n > left);
    await press(page, 'Train');
    await until(page, 'sparse', 'steps', (n) => n >= 2);
    await press(page, 'Pause');
    await page
      .getByRole('status')
      .getByText(/^Paused\. .*sparse model, step \d+: \d\.\d{3} nats/)
      .waitFor();
    await press(page, 'Undo pruning');
    await expect.poll(() => page.locator('.pane').count()).toBe(1);

    // At once, before it is done.
    await page.evaluate(async () => {
      const button = (text: string) => [...document.querySelectorAll('button')].find((b) => b.textContent === text);
      button('Measure curvature')!.click();
      await new Promise(requestAnimationFrame);
      button('Stop')!.click();
    });
    await page.getByRole('button', { name: 'Measure curvature' }).waitFor();
    expect(await page.getByRole('table').count()).toBe(0);
    await press(page, 'Measure curvature');
    const row = page.getByRole('row', { name: /^Dense -?[\d.,]+ ± [\d.,]+.* -?[\d.,]+ ± [\d.,]+$/ });
    await row.waitFor();

    await changes(page, () => choose(page, 'Classifier'));
    await press(page, 'Step');
    await until(page, 'dense', 'steps', (n) => n === 1);
    await page.locator('.facts', { hasText: /Accuracy\d+\.\d %/ }).waitFor();
    await changes(page, () => choose(page, 'Decision'));
    await press(page, 'Reset');
    await until(page, 'dense', 'steps', (n) => n === 0);
    // How fast it was is of the training before.
    expect(await page.locator('.speed').allTextContents()).toEqual(['– steps/s', '– ms/step']);
    expect(await factOf(page, 'dense', 'ms')).toBeNaN();
    expect(errors).toEqual([]);
  }, 60_000);
});

/** Cells of the sparse model's matrices that are transparent, and as many as their labels say are pruned. */
function blankOf(page: Page): Promise<{ blank: number; said: number }> {
  return page.getByRole('img', { name: /of the sparse model, .* pruned$/ }).evaluateAll((canvases) => {
    const counts = (canvases as HTMLCanvasElement[]).map((canvas) => {
      const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
      const said = Number(/(\d+) of \d+ pruned$/.exec(canvas.ariaLabel!)![1]);
      return { blank: data.filter((alpha, i) => i % 4 === 3 && alpha === 0).length, said };
    });
    return counts.reduce((sum, { blank, said }) => ({ blank: sum.blank + blank, said: sum.said + said }));
  });
}
