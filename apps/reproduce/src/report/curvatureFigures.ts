import { percent } from '../plan.ts';
import type { Result } from '../results/schema.ts';
import type { OwnMethod } from '../study.ts';
import { heatImage, heatStops } from './heat.ts';
import type { Model } from './models.ts';
import { sideBySide } from './models.ts';
import type { Panel } from './panels.ts';
import { linePath, panelFrame } from './panels.ts';
import { frame } from './render.ts';
import { ratiosOf } from './rows.ts';
import { runOfSeed } from './runOfSeed.ts';
import { colours } from './theme.ts';

const drawn = ['dense', 'random', 'control', 'structured', 'unstructured'] as const;
const size = 176;
const gap = 14;
const left = 72;
const top = 108;

/** The spectrum, and the loss on lines and on planes through the minimum: the paper's Figure 3, with controls. */
export function curvatureFigures(result: Result, models: readonly Model[]): Map<string, string> {
  const figures = new Map<string, string>();
  if (!models.some(({ method }) => method === 'dense')) return figures;
  figures.set('spectrum', spectrumFigure(result, models));
  figures.set('landscape-line', lineFigure(result, models));
  for (const method of ['unstructured', 'structured'] as const) {
    const shown = sideBySide(models, method);
    if (shown.length > 0) figures.set(`landscape-${method}`, planeFigure(result, method, shown));
  }
  return figures;
}

function values({ artefact }: Model, name: string): number[] {
  return [...artefact.arrays[name]!.values];
}

/** Prune ratios from left to right, and in each panel the dense model and those of the ratio. */
function columnsOf(models: readonly Model[]): { readonly ratio: number; readonly shown: Model[] }[] {
  return ratiosOf(models)
    .filter((ratio) => ratio > 0)
    .map((ratio) => ({
      ratio,
      shown: drawn.flatMap((method) =>
        models.filter((model) => model.method === method && (method === 'dense' || model.pruneRatio === ratio)),
      ),
    }));
}

function keys(models: readonly Model[]): string {
  const present = drawn.filter((method) => models.some((model) => model.method === method)).toReversed();
  return present
    .map((method, i) => {
      const at = 16 + i * 112;
      return `<line x1="${at}" x2="${at + 20}" y1="72" y2="72" ${strokeOf(method)}/><text x="${at + 26}" y="76" font-size="12" fill="${colours.ink}">${method}</text>`;
    })
    .join('\n');
}

function strokeOf(method: OwnMethod): string {
  const dashes = method === 'control' ? ' stroke-dasharray="2 3"' : method === 'dense' ? ' stroke-dasharray="5 4"' : '';
  return `stroke="${colours[method]}" stroke-width="1.75"${dashes}`;
}

/** Share of the eigenvalues per unit, each Ritz value of the quadrature widened to a normal of 1.5 % of the range. */
function spectrumFigure(result: Result, models: readonly Model[]): string {
  const ritz = models.flatMap((model) => values(model, 'ritz').filter((_, i) => values(model, 'weights')[i]! > 1e-6));
  const [low, high] = [Math.min(...ritz), Math.max(...ritz)];
  const sigma = 0.015 * (high - low);
  const xDomain = [low - 4 * sigma, high + 4 * sigma] as const;
  const at = Array.from({ length: 240 }, (_, i) => xDomain[0] + ((i + 0.5) / 240) * (xDomain[1] - xDomain[0]));
  const densityOf = (model: Model): (readonly [number, number])[] => {
    const [nodes, weights] = [values(model, 'ritz'), values(model, 'weights')];
    const probes = model.artefact.arrays['ritz']!.shape[0]!;
    return at.map((x) => {
      const density = nodes.reduce((sum, node, i) => sum + weights[i]! * Math.exp(-0.5 * ((x - node) / sigma) ** 2), 0);
      return [x, Math.log10(density / (probes * sigma * Math.sqrt(2 * Math.PI)))];
    });
  };
  const peak = Math.ceil(Math.max(...models.flatMap((model) => densityOf(model).map(([, y]) => y))) * 2) / 2;
  const columns = columnsOf(models);
  const content = columns.map(({ ratio, shown }, i) => {
    const panel: Panel = {
      x: left + i * (size + gap),
      y: top,
      width: size,
      height: size,
      xDomain,
      yDomain: [peak - 5, peak],
    };
    return [
      panelFrame(panel, {
        title: `${percent(ratio)} % pruned`,
        xLabel: 'eigenvalue',
        grid: true,
        ...(i === 0 ? { yLabel: 'log₁₀ density' } : {}),
      }),
      ...shown.map(
        (model) =>
          `<path d="${linePath(panel, densityOf(model))}" fill="none" ${strokeOf(model.method as OwnMethod)} stroke-opacity="0.9"/>`,
      ),
    ].join('\n');
  });
  return frame({
    width: Math.max(600, left + columns.length * (size + gap) + 8),
    height: top + size + 50,
    title: 'Spectrum of the Hessian in the parameters that are left',
    subtitle: runOfSeed(result, 'stochastic Lanczos quadrature'),
    description: `Density of the eigenvalues on a logarithmic scale, a panel for each prune ratio. ${models
      .map(
        (model) =>
          `${model.title}: from ${Math.min(...values(model, 'ritz')).toPrecision(3)} to ${Math.max(...values(model, 'ritz')).toPrecision(3)}`,
      )
      .join('; ')}.`,
    content: [keys(models), ...content].join('\n'),
  });
}

/** The loss above that at the minimum, along a random direction and along the top eigenvector. */
function lineFigure(result: Result, models: readonly Model[]): string {
  const rise = (model: Model, name: string): number[] => {
    const losses = values(model, name);
    return losses.map((loss) => loss - losses[(losses.length - 1) / 2]!);
  };
  const columns = columnsOf(models);
  const rows = [
    { along: 'line', loss: 'lossAlongLine', xLabel: 'random direction' },
    { along: 'top', loss: 'lossAlongTop', xLabel: 'top eigenvector' },
  ] as const;
  const rowHeight = size + 56;
  const content = rows.flatMap(({ along, loss, xLabel }, row) => {
    const dense = rise(
      models.find(({ method }) => method === 'dense')!,
      loss,
    ).filter(Number.isFinite);
    const most = 1.3 * Math.max(...dense, 0.01);
    const reach = Math.max(...models.flatMap((model) => values(model, along)));
    return columns.map(({ shown }, i) => {
      const panel: Panel = {
        x: left + i * (size + gap),
        y: top + row * rowHeight,
        width: size,
        height: size,
        xDomain: [-reach, reach],
        yDomain: [-0.06 * most, most],
      };
      return [
        panelFrame(panel, {
          ...(row === 0 ? { title: `${percent(columns[i]!.ratio)} % pruned` } : {}),
          xLabel,
          xTicks: [-reach / 2, 0, reach / 2],
          grid: true,
          ...(i === 0 ? { yLabel: 'loss above centre (nats)' } : {}),
        }),
        ...shown.map((model) => {
          const rises = rise(model, loss);
          const path = linePath(
            panel,
            values(model, along).map((x, k) => [x, rises[k]!] as const),
          );
          return `<path d="${path}" fill="none" ${strokeOf(model.method as OwnMethod)} stroke-opacity="0.9"/>`;
        }),
      ].join('\n');
    });
  });
  return frame({
    width: Math.max(600, left + columns.length * (size + gap) + 8),
    height: top + rows.length * rowHeight - 6,
    title: 'The loss along lines through the minimum',
    subtitle: runOfSeed(result, 'above: in units of each neuron’s weights, below: in units of the parameters'),
    description:
      'Loss above its value at the trained parameters, along a filter-normalised random direction (top row) and along the eigenvector of the largest eigenvalue (bottom row), a panel for each prune ratio.',
    content: [keys(models), ...content].join('\n'),
  });
}

/** The loss above that at the minimum on a plane of two random directions, for the models of one pruner. */
function planeFigure(result: Result, method: OwnMethod, shown: readonly Model[]): string {
  const planes = shown.map((model) => {
    const losses = values(model, 'lossOnPlane');
    const middle = losses[(losses.length - 1) / 2]!;
    return losses.map((loss) => loss - middle);
  });
  // The scale is the dense model's, but for its corners.
  const sorted = planes[0]!.filter(Number.isFinite).toSorted((a, b) => a - b);
  const most = Math.max(0.01, sorted[Math.floor(0.9 * sorted.length)]!);
  const content = shown.map((model, i) => {
    const side = model.artefact.arrays['plane']!.shape[0]!;
    const reach = Math.max(...values(model, 'plane'));
    const panel: Panel = {
      x: left + i * (size + gap),
      y: top - 16,
      width: size,
      height: size,
      xDomain: [-reach, reach],
      yDomain: [-reach, reach],
    };
    // Bright is low: holes of the landscape, where there is no loss, are dark.
    const heights = planes[i]!.map((rise) => (Number.isFinite(rise) ? -rise : -Infinity));
    return [
      `<image x="${panel.x}" y="${panel.y}" width="${size}" height="${size}" preserveAspectRatio="none" xlink:href="${heatImage(heights, side, [-most, 0])}"/>`,
      panelFrame(panel, {
        title: model.title,
        xLabel: 'first direction',
        xTicks: [-reach / 2, 0, reach / 2],
        ...(i === 0 ? { yLabel: 'second direction' } : {}),
      }),
    ].join('\n');
  });
  const barX = left + shown.length * (size + gap);
  return frame({
    width: Math.max(680, barX + 84),
    height: top + size + 34,
    title: `The loss around the minimum, ${method} pruning`,
    subtitle: runOfSeed(result, 'two random directions in units of each neuron’s weights, pruned weights stay 0'),
    description: `Heat maps of the loss above its value at the trained parameters for ${shown.map(({ title }) => title).join(', ')}, on one scale from 0 to ${most.toFixed(2)} nats.`,
    content: [
      ...content,
      `<linearGradient id="heat" x1="0" x2="0" y1="1" y2="0">${heatStops()}</linearGradient>`,
      `<rect x="${barX}" y="${top - 16}" width="12" height="${size}" fill="url(#heat)"/>`,
      `<text x="${barX + 18}" y="${top - 8}" font-size="10.5" fill="${colours.muted}">0</text>`,
      `<text x="${barX + 18}" y="${top - 16 + size}" font-size="10.5" fill="${colours.muted}">≥ ${most.toFixed(2)}</text>`,
      `<text transform="translate(${barX + 62},${top - 16 + size / 2}) rotate(-90)" text-anchor="middle" font-size="11" fill="${colours.ink}">loss above centre (nats)</text>`,
    ].join('\n'),
  });
}
