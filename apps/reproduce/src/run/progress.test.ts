import { stripVTControlCharacters } from 'node:util';
import { describe, expect, test } from 'vitest';
import { planStudy } from '../plan.ts';
import { gaussians } from '../studies/gaussians.ts';
import type { Outcome, Progress } from './executor.ts';
import { formatDuration } from './describe.ts';
import { createEstimate } from './estimate.ts';
import { createReporter } from './progress.ts';

const points = planStudy(gaussians, { budget: 'quick', protocol: 'paper', seeds: [0], backend: 'reference' });
const rounds = gaussians.budgets.quick.keepRatios.length;
const [dense, first] = points as [(typeof points)[0], (typeof points)[0]];
const progress: Progress = { epoch: 5, epochs: 20, loss: 1.5, nfeForward: 26, nfeBackward: 20, phase: 'train' };
const ok: Outcome = {
  status: 'ok',
  seconds: 75,
  measured: {
    parameters: 642,
    epochs: 20,
    trainNll: 1,
    validationNll: 1,
    testNll: 1.25,
    nfeForward: 26,
    nfeBackward: 20,
  },
};

test.each([
  [0.4, '0 s'],
  [59.6, '1 min 0 s'],
  [75, '1 min 15 s'],
  [7260, '2 h 1 min'],
  [-1, '0 s'],
  [NaN, '…'],
])('%f seconds are %s', (seconds, text) => expect(formatDuration(seconds)).toBe(text));

describe('the estimate', () => {
  test('is the measured rate times what is left on the longest worker', () => {
    let clock = 0;
    const estimate = createEstimate(points, 2, () => clock);
    expect(estimate.remaining()).toBeNaN();
    estimate.start(dense);
    clock = 10_000;
    estimate.finish(dense);
    // Ten seconds a point; four chains of `rounds` points on two workers.
    expect(estimate.remaining()).toBeCloseTo(2 * rounds * 10, 9);
    estimate.start(first);
    estimate.progress(first, 0);
    clock = 15_000;
    estimate.progress(first, 0.5);
    // Still ten seconds a point, and half of the first point is done. The other worker holds two whole chains.
    expect(estimate.remaining()).toBeCloseTo(2 * rounds * 10, 9);
    expect(estimate.share()).toBeCloseTo(1.5 / points.length, 9);
    for (const point of points.slice(1)) estimate.finish(point);
    expect(estimate.remaining()).toBe(0);
    expect(estimate.share()).toBe(1);
  });

  test('does not take what an interrupted point brings with it for work of this run', () => {
    let clock = 0;
    const estimate = createEstimate(points, 2, () => clock);
    estimate.start(dense);
    clock = 700; // Its data are read, its state is loaded.
    estimate.progress(dense, 0.8);
    expect(estimate.remaining()).toBeNaN();
    clock = 1700;
    estimate.progress(dense, 0.9);
    // A tenth of a point a second; a tenth of the dense point is left, then two chains on each worker.
    expect(estimate.remaining()).toBeCloseTo((0.1 + 2 * rounds) * 10, 9);
    clock = 2700;
    estimate.finish(dense);
    expect(estimate.remaining()).toBeCloseTo(2 * rounds * 10, 9);
    // One whose training was finished is only evaluated.
    estimate.start(first);
    estimate.progress(first, 1);
    clock = 5000;
    estimate.finish(first);
    expect(estimate.remaining()).toBeCloseTo(2 * rounds * 10, 9);
  });

  test('has nothing left when there is nothing to do', () => {
    expect(createEstimate([], 2, () => 0).share()).toBe(1);
  });
});

describe('without a terminal', () => {
  test('writes whole lines: one when a point ends, and in between at most one per interval', () => {
    let clock = 0;
    let text = '';
    const reporter = createReporter({ write: (part: string) => (text += part) }, points, 2, {
      now: () => clock,
      everySeconds: 15,
    });
    reporter.start(dense);
    reporter.progress(dense, { ...progress, epoch: 0 });
    for (clock = 1000; clock <= 40_000; clock += 1000) reporter.progress(dense, progress);
    expect(text.trimEnd().split('\n')).toHaveLength(2);
    reporter.finish(dense, ok);
    reporter.finish(first, { status: 'diverged', reason: 'NaN in epoch 3', parameters: null, epochs: 3, seconds: 1 });
    reporter.close();
    const lines = text.split('\n');
    expect(lines[0]).toMatch(
      /^\[0\/13, 2 %, about .* left\] gaussians seed 0 dense: epoch 5\.0\/20, loss 1\.500 nats, NFE 26\+20$/,
    );
    expect(lines[2]).toMatch(
      /^\[1\/13, .*\] gaussians seed 0 dense: test NLL 1\.250 nats, 642 parameters, NFE 26\+20, 1 min 15 s$/,
    );
    expect(lines[3]).toContain('diverged: NaN in epoch 3');
    // No escape sequences in a log file.
    expect(text).not.toContain('\u001b');
  });
});

describe('on a terminal', () => {
  const columns = 120;
  function terminal(size: number) {
    let text = '';
    const stream = { isTTY: true, columns: size, rows: 30, write: (part: string) => (text += part) };
    return { stream, text: () => text };
  }
  const redraw = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 300));
  const env = { TERM: 'xterm' };

  test('draws a bar for the run and one per chain under way, and keeps finished points as lines', async () => {
    const { stream, text } = terminal(columns);
    const reporter = createReporter(stream, points, 2, { env });
    reporter.start(dense);
    reporter.progress(dense, { ...progress, stepsPerSecond: 120.4 });
    await redraw();
    expect(text()).toContain(' seed 0 dense: epoch 5.0/20, loss 1.500 nats, NFE 26+20');
    expect(text()).toContain('120 steps/s');
    reporter.finish(dense, ok);
    reporter.start(first);
    reporter.progress(first, progress);
    await redraw();
    reporter.close();
    expect(text()).toMatch(/0\/13 points/);
    expect(text()).toMatch(/1\/13 points/);
    expect(text()).toMatch(/gaussians seed 0 dense: test NLL 1\.250 nats.*\n/);
    expect(text()).toContain(`round 1/${rounds}`);
  });

  test('a line that is noted just before the end is not lost', () => {
    const { stream, text } = terminal(columns);
    const reporter = createReporter(stream, points, 2, { env });
    reporter.note('Stopping at the next safe point');
    reporter.close();
    expect(text()).toContain('Stopping at the next safe point\n');
  });

  test.each([
    ['NO_COLOR is set', { ...env, NO_COLOR: '1' }],
    ['the terminal cannot move the cursor', { TERM: 'dumb' }],
  ])('without colours when %s', async (_when, environment) => {
    const { stream, text } = terminal(columns);
    const reporter = createReporter(stream, points, 2, { env: environment });
    reporter.start(dense);
    await redraw();
    reporter.finish(dense, ok);
    reporter.close();
    // Sequences that set colours end in m; those that move the cursor do not.
    // oxlint-disable-next-line no-control-regex
    expect(text()).not.toMatch(/\u001b\[[\d;]*m/);
    if (environment.TERM === 'dumb') expect(text()).not.toContain('\u001b');
  });

  test('follows the size of the terminal', async () => {
    const { stream, text } = terminal(columns);
    const reporter = createReporter(stream, points, 2, { env: { ...env, NO_COLOR: '1' } });
    reporter.start(dense);
    reporter.progress(dense, progress);
    await redraw();
    stream.columns = 40;
    const before = text().length;
    reporter.progress(dense, { ...progress, epoch: 6 });
    await redraw();
    reporter.close();
    const lines = stripVTControlCharacters(text().slice(before)).split('\n');
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(40);
    expect(lines.some((line) => line.includes('% seed 0 dense: epoch 6.0'))).toBe(true);
  });
});
