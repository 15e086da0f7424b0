import { JSDOM } from 'jsdom';
import { PNG } from 'pngjs';
import { describe, expect, test } from 'vitest';
import { sampleArtefact, samplePoint, sampleResult } from '../../test/sample.ts';
import { densityFigure } from './densityFigure.ts';
import { heatColour, heatImage, kernelLogDensity } from './heat.ts';
import { nllFigure } from './nllFigure.ts';
import { renderPage } from './page.ts';
import { createDocument, escapeXml, frame, placed, toPng } from './render.ts';
import { colours, onPage } from './theme.ts';

function parseSvg(svg: string): Document {
  const document = new JSDOM(svg, { contentType: 'image/svg+xml' }).window.document;
  expect(document.documentElement.tagName).toBe('svg');
  return document;
}

const drawn = (width: number, ring: number) => {
  const { logDensity, samples } = sampleArtefact(width, ring, false).arrays;
  return { logDensity: logDensity!.values, samples: samples!.values };
};
const density = (): string =>
  densityFigure('Title', 'about', 2.4, sampleArtefact(0.25, 0.5, true).arrays['data']!.values, [
    { method: 'dense', pruneRatio: 0, testNll: 1.262, ...drawn(0.25, 0.5) },
    { method: 'unstructured', pruneRatio: 0.6, testNll: 1.131, ...drawn(0.19, 0.1) },
  ]);

test('a drawing is well-formed XML whatever it says', () => {
  const words = 'a < b & "c"';
  const figure = createDocument().createElementNS('http://www.w3.org/2000/svg', 'svg');
  figure.setAttribute('data-mark', words);
  figure.textContent = words;
  const whole = {
    width: 8,
    height: 8,
    title: words,
    subtitle: words,
    description: words,
    content: placed(figure, 0, 0),
  };
  const read = parseSvg(frame(whole)).querySelector('svg > svg')!;
  expect([read.getAttribute('data-mark'), read.textContent]).toEqual([words, words]);
});

describe('nllFigure', () => {
  test('is an SVG with titled axes, every method, and a description with the numbers', () => {
    const document = parseSvg(nllFigure(sampleResult(3))!);
    const texts = [...document.querySelectorAll('text')].map((text) => text.textContent);
    expect(texts).toEqual(
      expect.arrayContaining([
        'test NLL (nats)',
        'prune ratio (%)',
        'unstructured',
        'structured',
        'random',
        'control (not pruned)',
        'dense',
        'paper',
      ]),
    );
    expect(document.documentElement.getAttribute('role')).toBe('img');
    expect(document.querySelector('desc')!.textContent).toContain('dense at 0 %: 1.262 ± 0.007');
  });

  test('has error bars with several seeds and none with one', () => {
    const bars = (seeds: number) =>
      parseSvg(nllFigure(sampleResult(seeds))!).querySelectorAll('[data-mark="rule"] line').length;
    // A bar with two ends for each of 4 methods at 4 ratios.
    expect(bars(3) - bars(1)).toBe(3 * 16);
  });

  test('has nothing to draw when everything diverged', () => {
    expect(nllFigure(sampleResult(1, { points: [samplePoint('dense', 0, 0, 0, null)] }))).toBeUndefined();
  });

  test('draws what there is when only the dense flow has a likelihood', () => {
    parseSvg(nllFigure(sampleResult(1, { points: [samplePoint('dense', 0, 0, 0, 1.2)], paper: [] }))!);
  });
});

describe('densityFigure', () => {
  test('has a heat map and a scatter per model and for the data, with units', () => {
    const document = parseSvg(density());
    expect(document.querySelectorAll('image')).toHaveLength(3);
    expect(document.querySelectorAll('path.samples')).toHaveLength(3);
    const texts = [...document.querySelectorAll('text')].map((text) => text.textContent);
    expect(texts).toEqual(
      expect.arrayContaining(['data', 'dense', 'unstructured 60 %', 'test NLL 1.131 nats', 'log p(x) (nats)']),
    );
  });
});

describe('toPng', () => {
  const drawing = (content: string): string =>
    frame({ width: 200, height: 80, title: 'Σ Title', subtitle: 'x₁, ≤ −3', description: '', content });
  const darkPixels = (png: Uint8Array): number => {
    const { data } = PNG.sync.read(Buffer.from(png));
    let dark = 0;
    for (let i = 0; i < data.length; i += 4) if (data[i]! < 128) dark += 1;
    return dark;
  };

  test('draws text with the bundled font, without any font of the system', () => {
    const withText = darkPixels(toPng(drawing('')));
    const without = darkPixels(toPng(drawing('').replaceAll(/<text[^]*?<\/text>/g, '')));
    expect(without).toBe(0);
    expect(withText).toBeGreaterThan(300);
  });

  test('draws at the asked scale', () => {
    const { width, height } = PNG.sync.read(Buffer.from(toPng(drawing(''), 3)));
    expect([width, height]).toEqual([600, 240]);
  });
});

describe('heat maps', () => {
  test('turn the grid over, so that y points up', () => {
    // 2 × 2, high only at the lower right: in an image, the last row.
    const uri = heatImage([0, 1, 0, 0], 2, [0, 1]);
    const { data } = PNG.sync.read(Buffer.from(uri.split(',')[1]!, 'base64'));
    const pixel = (row: number, column: number) => [
      ...data.subarray((row * 2 + column) * 4, (row * 2 + column) * 4 + 3),
    ];
    expect(pixel(1, 1)).toEqual(heatColour(1));
    for (const [row, column] of [
      [0, 0],
      [0, 1],
      [1, 0],
    ] as const)
      expect(pixel(row, column)).toEqual(heatColour(0));
  });

  test('get brighter all the way, so that they read in grey', () => {
    const luminance = Array.from({ length: 101 }, (_, i) => {
      const [r, g, b] = heatColour(i / 100);
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    });
    for (let i = 1; i <= 100; i++) expect(luminance[i]!).toBeGreaterThan(luminance[i - 1]!);
  });

  test('draw what is not a number as the lowest value', () => {
    expect(heatColour(NaN)).toEqual(heatColour(0));
    expect(heatColour(-Infinity)).toEqual(heatColour(-1));
    expect(heatColour(5)).toEqual(heatColour(1));
  });

  test('kernel density integrates to one and peaks where the point is', () => {
    const [side, extent, bandwidth] = [80, 2, 0.1];
    const logDensity = kernelLogDensity([0.525, -0.975], side, extent, bandwidth);
    const cell = ((2 * extent) / side) ** 2;
    // Cut at 4 bandwidths, which leaves exp(-8) = 3.4e-4 outside; the midpoint rule adds less.
    expect(logDensity.reduce((sum, value) => sum + Math.exp(value) * cell, 0)).toBeCloseTo(1, 3);
    // The point is the centre of column 50 and row 20; there the density is 1 / (2π h²).
    expect(logDensity[20 * side + 50]).toBeCloseTo(-Math.log(2 * Math.PI * bandwidth ** 2), 9);
  });
});

describe('renderPage', () => {
  const page = renderPage([
    {
      study: 'gaussians',
      result: sampleResult(3),
      figures: new Map([
        ['density-unstructured', density()],
        ['nll', nllFigure(sampleResult(3))!],
      ]),
    },
    { study: 'spirals', result: sampleResult(1, { study: 'spirals', title: 'A & B <script>' }), figures: new Map() },
  ]);
  const document = new JSDOM(page).window.document;

  test('asks for nothing outside itself', () => {
    for (const element of document.querySelectorAll('[src], [href]:not(figcaption a), image')) {
      const target = element.getAttribute('src') ?? element.getAttribute('href') ?? element.getAttribute('xlink:href');
      expect(target).toMatch(/^(#|data:)/);
    }
    expect(page.replaceAll('url(#heat)', '')).not.toMatch(/@import|url\(/);
    expect(document.querySelectorAll('script')).toHaveLength(0);
  });

  test('links every figure to its files, which stand beside the page', () => {
    const links = [...document.querySelectorAll('figcaption a')].map((link) => link.getAttribute('href'));
    expect(links).toEqual(
      ['nll', 'density-unstructured'].flatMap((name) =>
        ['svg', 'png'].map((form) => `gaussians/figures/${name}.${form}`),
      ),
    );
  });

  test('has the table, both figures with the curve first, the sentences and how each study was run', () => {
    const section = document.querySelector('#gaussians')!;
    expect([...section.querySelectorAll('figure')].map(({ id }) => id)).toEqual(['nll', 'density-unstructured']);
    expect(section.querySelectorAll('table tbody tr')).toHaveLength(8 + 17);
    expect(section.textContent).toContain('pruning itself contributes');
    expect(section.querySelector('details')!.textContent).toContain('pnpm reproduce gaussians');
  });

  test('gives the figures the page’s colours, in light and in dark', () => {
    for (const [name, value] of Object.entries(colours)) {
      expect(document.querySelector('style')!.textContent).toContain(`--${name}:`);
      expect(document.querySelector('main')!.innerHTML).not.toContain(value);
    }
    expect(onPage(`fill="${colours.ink}"`)).toBe('fill="var(--ink)"');
    expect(new Set(Object.values(colours)).size).toBe(Object.values(colours).length);
  });

  test('escapes what it is given', () => {
    expect(document.querySelector('#spirals h2')!.textContent).toBe('A & B <script>');
    expect(escapeXml('<a b="c">&')).toBe('&lt;a b=&quot;c&quot;&gt;&amp;');
  });
});
