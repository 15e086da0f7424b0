import { JSDOM } from 'jsdom';
import { expect, test } from 'vitest';
import type { Report, Row } from '../report.ts';
import { workPrecision } from './diagram.ts';

const row = (implementation: string, error: number, evaluations: number): Row => ({
  case: 'A1',
  op: 'solve',
  implementation,
  threads: 1,
  ms: evaluations / 100,
  spread: 0,
  gflops: null,
  shareOfPeak: null,
  error,
  nfe: [evaluations, 0],
});
const report: Report = {
  schema: 1,
  suite: 'ode',
  machine: { cpu: '', cores: 1, platform: '', node: '' },
  peakGflops: null,
  peaks: [],
  notes: [],
  rows: [
    ...[1e-2, 1e-4, 1e-6].map((error, i) => row('dopri5', error, 100 * 2 ** i)),
    ...[1e-2, 1e-4].map((error) => row('tsit5 < & co', error, 1600)),
    row('tsit5 < & co', 2, 50), // says nothing
    row('dopri5, f returns', 1e-3, 200), // the same method as another line
  ],
};

test('work and precision are drawn on logarithmic axes, against evaluations and against time', async () => {
  // Read as XML, which is refused where it is not well-formed.
  const { document } = new JSDOM(await workPrecision(report), { contentType: 'image/svg+xml' }).window;
  const panels = [...document.querySelectorAll('svg > svg')];
  expect(panels).toHaveLength(2);
  for (const panel of panels) {
    const places = [...panel.querySelectorAll('circle')].map((dot) =>
      ['cx', 'cy'].map((at) => Number(dot.getAttribute(at))),
    );
    expect(places).toHaveLength(5);
    const [x, y] = [0, 1].map((axis) => places.map((place) => place[axis]!)) as [number[], number[]];
    const [[x0, x1, x2, x3], [y0, y1, y2, y3]] = [x, y];
    // Twice the work is as far each time, and so is a hundredth of the error; sixteen times the work four times as far.
    expect(x1! - x0!).toBeCloseTo(x2! - x1!, 6);
    expect(y1! - y0!).toBeCloseTo(y2! - y1!, 6);
    expect([y1! > y0!, x1! > x0!]).toEqual([true, true]);
    expect(x3! - x0!).toBeCloseTo(4 * (x1! - x0!), 6);
    expect(y3).toBe(y0);
  }
  expect([...document.querySelectorAll('text')].map((text) => text.textContent)).toEqual(
    expect.arrayContaining(['A1: work and precision', 'dopri5', 'tsit5 < & co']),
  );
});
