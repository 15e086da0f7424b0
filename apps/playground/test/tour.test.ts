import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { factOf, hasBrowser, openSite, pictureOf, press, until, type Site } from './site.ts';

const TINY = 'data=moons&layers=2&hidden=8&batch=32&tolerance=0.1&sizes=100_100_0.1';

/** How long what comes from the worker may take, in milliseconds. */
const PATIENCE = { timeout: 20_000 };

describe.runIf(hasBrowser)('a tour', () => {
  let site: Site;
  beforeAll(async () => {
    site = await openSite();
  });
  afterAll(() => site.close());

  /** Does something, waits until a model has another picture, and looks whether all of the page can be used by all. */
  const changes = async (page: Page, act: () => Promise<unknown>): Promise<void> => {
    const before = await pictureOf(page, 'dense');
    await act();
    await expect
      .poll(async () => {
        const picture = await shownOf(page);
        return picture !== undefined && picture !== before;
      }, PATIENCE)
      .toBe(true);
    const { violations } = await new AxeBuilder({ page }).analyze();
    expect(violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`))).toEqual([]);
  };
  const choose = (page: Page, name: string): Promise<void> =>
    page.locator('.segments label', { hasText: name }).click();
  /** Chooses a view, whose picture is another than the one before and than the empty frame that stands there meanwhile. */
  const look = async (page: Page, name: string): Promise<void> => {
    let empty = '';
    await changes(page, async () => (empty = await emptied(page, name)));
    expect(await pictureOf(page, 'dense')).not.toBe(empty);
  };
  const chartsOf = (page: Page): Promise<(string | null)[]> =>
    page.getByRole('img', { name: 'against steps' }).evaluateAll((all) => all.map((chart) => chart.ariaLabel));
  const plotsOf = (page: Page): Promise<string[]> =>
    page.locator('.chart canvas').evaluateAll((all) => all.map((plot) => (plot as HTMLCanvasElement).toDataURL()));
  const speedOf = (page: Page): Promise<string[]> => page.locator('.speed').allTextContents();

  it('of the views, the themes, the curves, pruning by hand, curvature, a classifier and other data', async () => {
    const { page, errors } = await site.visit({ hash: TINY, colorScheme: 'light' });
    await until(page, 'dense', 'nll', (nll) => nll > 0);
    await look(page, 'Samples');
    await look(page, 'Vector field');
    await look(page, 'Trajectories');
    await changes(page, () => page.getByLabel('Time t').fill('0.5'));
    await changes(page, () => press(page, 'Switch to the dark theme'));
    expect(await page.evaluate(() => document.documentElement.dataset['theme'])).toBe('dark');

    expect(await chartsOf(page)).toEqual(new Array(3).fill(expect.stringMatching(/Last: nothing yet$/)));
    const blank = await plotsOf(page);
    await press(page, 'Train');
    await expect
      .poll(() => speedOf(page), PATIENCE)
      .toEqual([expect.stringMatching(/^\d+(\.\d)? steps\/s$/), expect.stringMatching(/^\d+(\.\d)? ms\/step$/)]);
    await page.getByRole('button', { name: 'Pause' }).waitFor();
    const trained = await until(page, 'dense', 'steps', (n) => n >= 2);
    await press(page, 'Pause');
    await expect
      .poll(() => chartsOf(page), PATIENCE)
      .toEqual([
        expect.stringMatching(/^Training loss, nats against steps\. Last: Dense -?\d\.\d{3}$/),
        // Forward and backward, at least one step of the solver, whose tableau has several evaluations.
        expect.stringMatching(/^NFE against steps\. Last: Dense \d{2,}$/),
        'Weights left, % against steps. Last: Dense 100',
      ]);
    const undrawn = async () => (await plotsOf(page)).filter((plot, i) => plot === blank[i]);
    await expect.poll(undrawn, PATIENCE).toEqual([]);

    await choose(page, 'Neurons');
    await press(page, 'Prune now');
    const left = await until(page, 'sparse', 'kept', (n) => n > 0);
    // A neuron is a row of 2, a column of 2 and a bias: 5 of the 42 weights.
    expect((42 - left) % 5).toBe(0);
    await expect.poll(() => blankOf(page)).toEqual({ blank: ((42 - left) / 5) * 4, said: ((42 - left) / 5) * 4 });
    await choose(page, 'Weights');
    await page.getByLabel('Share of the weights to remove').fill('40');
    const share = Math.round((100 * (await until(page, 'sparse', 'kept', (n) => n > left))) / 42);
    await press(page, 'Train');
    await until(page, 'sparse', 'steps', (n) => n >= trained + 2);
    await press(page, 'Pause');
    await expect
      .poll(() => chartsOf(page), PATIENCE)
      .toContain(`Weights left, % against steps. Last: Dense 100, Sparse ${share}, Control 100`);
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
    await look(page, 'Decision');
    await press(page, 'Reset');
    await until(page, 'dense', 'steps', (n) => n === 0);
    // How fast it was is of the training before.
    expect(await speedOf(page)).toEqual(['– steps/s', '– ms/step']);
    expect(await factOf(page, 'dense', 'ms')).toBeNaN();

    // The same model of the same seed, so that another loss is of other data.
    const losses: number[] = [];
    for (const name of ['circles', 'moons']) {
      await changes(page, () => page.locator('.data-set', { hasText: name }).click());
      expect(new URL(page.url()).hash).toContain(`data=${name}&`);
      losses.push(await factOf(page, 'dense', 'nll'));
    }
    expect(losses[0]).not.toBe(losses[1]);
    await changes(page, () => page.getByLabel('Show test points').uncheck());
    expect(await page.getByRole('alert').textContent()).toBe('');
    expect(errors).toEqual([]);
  }, 60_000);
});

/** The pixels of a picture that the worker has drawn: what it measured comes with it. Nothing while there is none. */
function shownOf(page: Page): Promise<string | undefined> {
  return page.locator('.pane[data-model=dense]').evaluate((pane) => {
    const hasPicture = pane.querySelector('[data-fact=nll]') !== null;
    return hasPicture ? pane.querySelector('canvas')!.toDataURL() : undefined;
  });
}

/** Chooses a view: the pixels that stand there until the worker answers, which it cannot before this task has ended. */
function emptied(page: Page, view: string): Promise<string> {
  return page.locator('.segments label', { hasText: view }).evaluate(async (label: HTMLLabelElement) => {
    label.click();
    for (let i = 0; i < 10; i++) await Promise.resolve();
    const pane = document.querySelector('.pane[data-model=dense]')!;
    if (pane.querySelector('[data-fact=nll]')) throw new Error('the picture before is still there');
    return pane.querySelector('canvas')!.toDataURL();
  });
}

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
