import { JSDOM } from 'jsdom';
import { PNG } from 'pngjs';
import { expect, test } from 'vitest';
import { sampleResult } from '../../test/sample.ts';
import { gridCentres } from '../numerics/evaluate.ts';
import { planStudy } from '../plan.ts';
import type { Result } from '../results/schema.ts';
import type { Artefact } from '../results/store.ts';
import { moons } from '../studies/moons.ts';
import { contentOf } from './content.ts';
import { tintImage } from './heat.ts';
import { measureFigure } from './measureFigure.ts';
import { toPng } from './render.ts';
import { robustnessFigures } from './robustnessFigures.ts';

const parseSvg = (svg: string): Document => {
  const document = new JSDOM(svg, { contentType: 'image/svg+xml' }).window.document;
  expect(document.documentElement.tagName).toBe('svg');
  return document;
};
const textsOf = (document: Document): (string | null)[] =>
  [...document.querySelectorAll('text')].map((text) => text.textContent);

const planned = planStudy(moons, { budget: 'quick', protocol: 'paper', seeds: [0], backend: 'reference' });
const quantity = (value: number) => ({ value, standardError: null });

/** Margins that shrink with pruning, more for the pruned than for the control. */
function resultOf(seeds: number): Result {
  const [any] = sampleResult(1).points;
  const points = Array.from({ length: seeds }, (_, seed) =>
    planned.map(({ address, pruneRatio, config: { method, keepRatio, round } }) => ({
      ...any!,
      method,
      pruneRatio,
      keepRatio,
      round,
      seed,
      address,
      quantities: Object.fromEntries(
        moons.measures!.map(({ name }, i) => [
          name,
          quantity(1 + i - (method === 'control' ? 0.1 : 0.5) * pruneRatio + 0.01 * Math.sin(3 * seed + 5 * round)),
        ]),
      ),
    })),
  ).flat();
  const measures = structuredClone(moons.measures) as Result['measures'];
  return sampleResult(seeds, {
    study: 'moons',
    title: moons.title,
    task: 'classification',
    ...(measures && { measures }),
    points,
    paper: [],
  });
}

/** A linear classifier that turns about the origin. */
function artefactOf(withData: boolean): Artefact {
  const [side, extent, samples, times] = [24, 3, 6, 5];
  const centres = gridCentres(side, extent);
  const array = (shape: number[], at: (i: number) => number) => ({
    shape,
    values: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => at(i)),
  });
  return {
    extent,
    arrays: {
      difference: array([side, side], (i) => centres[2 * i]!),
      field: array([side, side, 2], (i) => (i % 2 === 0 ? -centres[i + 1]! : centres[i - 1]!)),
      trajectories: array([samples, times, 2], (i) => Math.sin(i)),
      ...(withData ? { data: array([10, 2], (i) => Math.cos(i)), labels: array([10], (i) => i % 2) } : {}),
    },
  };
}

test('a figure for each pruner: dense, its drawn ratios and the control of the last, in four panels each', () => {
  const figures = robustnessFigures(resultOf(1), planned, ({ config }) => artefactOf(config.method === 'dense'));
  expect([...figures.keys()]).toEqual(['robustness-unstructured', 'robustness-structured']);
  const document = parseSvg(figures.get('robustness-structured')!);
  expect(textsOf(document)).toEqual(
    expect.arrayContaining([
      'dense',
      '84 % pruned',
      '96 % pruned',
      'control',
      'decision boundary',
      'depth t',
      'class 0',
      '|f|',
    ]),
  );
  // Shading and intensity; the boundary; dots and ways of each class in each of the two coordinates.
  expect(document.querySelectorAll('image')).toHaveLength(4 * 2);
  expect(document.querySelectorAll('path.boundary')).toHaveLength(4);
  expect(document.querySelectorAll('path.class-0, path.class-1')).toHaveLength(4 * 2);
  expect(document.querySelectorAll('path.ways-0, path.ways-1')).toHaveLength(4 * 2 * 2);
  // The boundary is the vertical through the middle of a panel of 176.
  const boundary = document.querySelector('path.boundary')!.getAttribute('d')!;
  expect([...boundary.matchAll(/[ML]([\d.]+) /g)].every(([, x]) => x === '88.0')).toBe(true);
  expect(toPng(figures.get('robustness-structured')!, 1).length).toBeGreaterThan(10_000);
});

test('there is no figure without what it needs', () => {
  expect(robustnessFigures(resultOf(1), planned, () => undefined).size).toBe(0);
  expect(robustnessFigures(resultOf(1), planned, () => artefactOf(false)).size).toBe(0);
});

test('the tint has the first colour where numbers are negative, turned over as images are', () => {
  const uri = tintImage([-1, 1, 1, 1], 2, ['#ff0000', '#0000ff']);
  const { data } = PNG.sync.read(Buffer.from(uri.split(',')[1]!, 'base64'));
  const pixel = (i: number): number[] => [...data.subarray(4 * i, 4 * i + 3)];
  expect([0, 1, 2, 3].map(pixel)).toEqual([[0, 0, 255], [0, 0, 255], [255, 0, 0], [0, 0, 255]]); // prettier-ignore
});

test('measures are drawn against prune ratio, with error bars for several seeds', () => {
  const document = parseSvg(measureFigure(resultOf(3))!);
  expect(textsOf(document)).toEqual(
    expect.arrayContaining([
      'margin, lowest 5 %',
      'least margin',
      'test accuracy (%)',
      'prune ratio (%)',
      'control (not pruned)',
    ]),
  );
  const bars = (seeds: number): number =>
    parseSvg(measureFigure(resultOf(seeds))!).querySelectorAll('[data-mark="rule"] line').length;
  // Four panels, four methods, five ratios.
  expect(bars(3) - bars(1)).toBe(4 * 4 * 5);
  expect(measureFigure(sampleResult(3))).toBeUndefined();
});

test('the report says at the figure’s ratios what pruning contributes beyond training on', () => {
  const { says, tables } = contentOf(resultOf(3));
  const about = says.filter((sentence) => sentence.startsWith('margin, lowest 5 %'));
  expect(about).toHaveLength(4);
  // Against the control: -.5 r + .1 r at r = .84, the same for every seed.
  expect(about[0]).toMatch(/unstructured pruning at 84 %: .* pruning itself contributes −0\.336 ± 0\.000 \(worse; /);
  const ratios = new Set(tables[1]!.rows.map((row) => row['prune ratio']));
  expect([...ratios]).toEqual(['84 %', '96 %']);
});
