import type { Result } from '../results/schema.ts';
import { heatImage, heatStops } from './heat.ts';
import type { Model } from './models.ts';
import { sideBySide } from './models.ts';
import type { Panel } from './panels.ts';
import { panelFrame, xOf, yOf } from './panels.ts';
import { escapeXml, frame } from './render.ts';
import { runOfSeed } from './runOfSeed.ts';
import { colours } from './theme.ts';

const size = 176;
const gap = 14;
const left = 66;
const top = 92;
/** On heat maps, in light and dark. */
const light = 'rgb(255,255,255)';

/** What is drawn in each panel of a row of models, in the plane of the data. */
interface Row {
  readonly title: string;
  readonly subtitle: string;
  readonly description: string;
  /** What the marks mean, below the panels. */
  readonly key: string;
  draw(panel: Panel, model: Model): string;
  /** Beside the last panel, `x` from the left. */
  beside?(x: number): string;
}

function rowFigure(row: Row, models: readonly Model[], under: (model: Model) => string): string {
  const content = models.map((model, i) => {
    const { extent } = model.artefact;
    const panel: Panel = {
      x: left + i * (size + gap),
      y: top,
      width: size,
      height: size,
      xDomain: [-extent, extent],
      yDomain: [-extent, extent],
    };
    return [
      row.draw(panel, model),
      panelFrame(panel, {
        title: model.title,
        subtitle: under(model),
        xLabel: 'x₁ (normalised)',
        ...(i === 0 ? { yLabel: 'x₂ (normalised)' } : {}),
      }),
    ].join('\n');
  });
  const end = left + models.length * (size + gap);
  return frame({
    width: Math.max(660, end + (row.beside === undefined ? 8 : 72)),
    height: top + size + 46 + 18,
    title: row.title,
    subtitle: row.subtitle,
    description: row.description,
    content: [
      ...content,
      row.beside?.(end) ?? '',
      `<text x="16" y="${top + size + 54}" font-size="11" fill="${colours.muted}">${escapeXml(row.key)}</text>`,
    ].join('\n'),
  });
}

function circumstances(result: Result, models: readonly Model[]): string {
  const last = models.at(-1)!;
  return runOfSeed(result, last.method === 'control' && 'the control was trained as long as the flow pruned most');
}

/** Fields with their strength and the ways of samples: the paper's Figure 6, a figure for each pruner. */
export function vectorFieldFigures(result: Result, models: readonly Model[]): Map<string, string> {
  const figures = new Map<string, string>();
  for (const method of ['unstructured', 'structured'] as const) {
    const shown = sideBySide(models, method);
    if (shown.length === 0) continue;
    const speeds = shown.map((model) => speedsOf(model));
    const sorted = speeds.flat().sort((a, b) => a - b);
    const most = sorted[Math.floor(0.98 * sorted.length)]!;
    const row: Row = {
      title: `The vector field under ${method} pruning`,
      subtitle: circumstances(result, shown),
      key: 'Colour: strength of the field. Arrows: where it carries noise. Lines: samples on their way to the data (dots).',
      description: `Heat maps of the strength of the vector field with arrows along it, and ways of samples from noise to data, for ${shown.map(({ title }) => title).join(', ')}. One colour scale from 0 to ${most.toFixed(1)}.`,
      draw: (panel, model) => drawField(panel, model, most),
      beside: (x) =>
        [
          `<linearGradient id="heat" x1="0" x2="0" y1="1" y2="0">${heatStops()}</linearGradient>`,
          `<rect x="${x}" y="${top}" width="12" height="${size}" fill="url(#heat)"/>`,
          `<text x="${x + 18}" y="${top + 9}" font-size="10.5" fill="${colours.muted}">${most.toFixed(1)}</text>`,
          `<text x="${x + 18}" y="${top + size}" font-size="10.5" fill="${colours.muted}">0</text>`,
          `<text transform="translate(${x + 52},${top + size / 2}) rotate(-90)" text-anchor="middle" font-size="11" fill="${colours.ink}">|f|</text>`,
        ].join('\n'),
    };
    figures.set(
      `vector-field-${method}`,
      rowFigure(row, shown, ({ point }) => nll(point.testNll)),
    );
  }
  return figures;
}

function nll(value: number | null): string {
  return value === null ? '' : `test NLL ${value.toFixed(3)} nats`;
}

function speedsOf({ artefact }: Model): number[] {
  const { values } = artefact.arrays['velocities']!;
  return Array.from({ length: values.length / 2 }, (_, i) => Math.hypot(values[2 * i]!, values[2 * i + 1]!));
}

function drawField(panel: Panel, model: Model, most: number): string {
  const { velocities, trajectories } = model.artefact.arrays;
  const side = velocities!.shape[0]!;
  const { extent } = model.artefact;
  const step = (2 * extent) / side;
  const every = Math.max(1, Math.round(side / 12));
  const arrows: string[] = [];
  for (let row = Math.floor(every / 2); row < side; row += every) {
    for (let column = Math.floor(every / 2); column < side; column += every) {
      const at = 2 * (row * side + column);
      const [vx, vy] = [velocities!.values[at]!, velocities!.values[at + 1]!];
      const speed = Math.hypot(vx, vy);
      if (speed === 0) continue;
      // The flow is shown as it makes samples, from noise to data, which is against the field.
      const length = (every * step * 0.8 * Math.min(1, Math.sqrt(speed / most))) / speed;
      const [x, y] = [-extent + (column + 0.5) * step, -extent + (row + 0.5) * step];
      arrows.push(
        arrow(
          xOf(panel, x + (vx * length) / 2),
          yOf(panel, y + (vy * length) / 2),
          xOf(panel, x - (vx * length) / 2),
          yOf(panel, y - (vy * length) / 2),
        ),
      );
    }
  }
  const [count, times] = trajectories!.shape as [number, number];
  const ways: string[] = [];
  const ends: string[] = [];
  for (let i = 0; i < Math.min(count, 60); i++) {
    let path = '';
    for (let k = 0; k < times; k++) {
      const at = (i * times + k) * 2;
      const [x, y] = [trajectories!.values[at]!, trajectories!.values[at + 1]!];
      if (Math.abs(x) > extent || Math.abs(y) > extent) path += ' ';
      else {
        path += `${path === '' || path.endsWith(' ') ? 'M' : 'L'}${xOf(panel, x).toFixed(1)} ${yOf(panel, y).toFixed(1)}`;
        if (k === times - 1) ends.push(`M${xOf(panel, x).toFixed(1)} ${yOf(panel, y).toFixed(1)}h0`);
      }
    }
    ways.push(path);
  }
  return [
    `<image x="${panel.x}" y="${panel.y}" width="${size}" height="${size}" preserveAspectRatio="none" xlink:href="${heatImage(speedsOf(model), side, [0, most])}"/>`,
    `<path d="${ways.join('')}" fill="none" stroke="${light}" stroke-opacity="0.55" stroke-width="0.8"/>`,
    `<path d="${ends.join('')}" fill="none" stroke="${light}" stroke-width="3" stroke-linecap="round"/>`,
    `<path d="${arrows.join('')}" fill="none" stroke="${light}" stroke-opacity="0.9" stroke-width="1"/>`,
  ].join('\n');
}

/** A line with a head of two strokes. */
function arrow(x0: number, y0: number, x1: number, y1: number): string {
  const [dx, dy] = [x1 - x0, y1 - y0];
  const head = (sign: number): string =>
    `M${x1.toFixed(1)} ${y1.toFixed(1)}L${(x1 - 0.35 * dx + sign * 0.2 * dy).toFixed(1)} ${(y1 - 0.35 * dy - sign * 0.2 * dx).toFixed(1)}`;
  return `M${x0.toFixed(1)} ${y0.toFixed(1)}L${x1.toFixed(1)} ${y1.toFixed(1)}${head(1)}${head(-1)}`;
}

/** Samples and the modes of the data, a figure for each pruner. */
export function sampleFigures(result: Result, label: string, models: readonly Model[]): Map<string, string> {
  const figures = new Map<string, string>();
  for (const method of ['unstructured', 'structured'] as const) {
    const shown = sideBySide(models, method);
    if (shown.length === 0) continue;
    const row: Row = {
      title: `${result.title}${label === '' ? '' : ` (${label})`}: ${method} pruning`,
      subtitle: circumstances(result, shown),
      key: 'Dots: samples. Crosses: modes of the data.',
      description: `Samples of ${shown.map(({ title }) => title).join(', ')}, with the modes of the data.`,
      draw: drawSamples,
    };
    const under = ({ point }: Model): string => {
      const good = point.quantities?.['good3'];
      return good === undefined ? '' : `${good.value.toFixed(1)} % within 3σ`;
    };
    figures.set(`samples-${method}`, rowFigure(row, shown, under));
  }
  return figures;
}

function drawSamples(panel: Panel, { artefact }: Model): string {
  const { samples, modes } = artefact.arrays;
  const { extent } = artefact;
  const path = (values: Float32Array, mark: (x: number, y: number) => string): string => {
    let d = '';
    for (let i = 0; i < values.length; i += 2) {
      const [x, y] = [values[i]!, values[i + 1]!];
      if (Math.abs(x) < extent && Math.abs(y) < extent) d += mark(xOf(panel, x), yOf(panel, y));
    }
    return d;
  };
  const dot = (x: number, y: number): string => `M${x.toFixed(1)} ${y.toFixed(1)}h0`;
  const cross = (x: number, y: number): string =>
    `M${(x - 4).toFixed(1)} ${y.toFixed(1)}h8M${x.toFixed(1)} ${(y - 4).toFixed(1)}v8`;
  return [
    `<path class="samples" d="${path(samples!.values, dot)}" fill="none" stroke="${colours.unstructured}" stroke-opacity="0.5" stroke-width="1.6" stroke-linecap="round"/>`,
    `<path d="${path(modes!.values, cross)}" fill="none" stroke="${colours.paper}" stroke-width="1.5"/>`,
  ].join('\n');
}
