import { escapeXml } from './render.ts';
import { colours } from './theme.ts';

/** A rectangle with its own coordinates: what is drawn in it is given in data units. */
export interface Panel {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly xDomain: readonly [number, number];
  readonly yDomain: readonly [number, number];
}

export function xOf({ x, width, xDomain: [low, high] }: Panel, value: number): number {
  return x + ((value - low) / (high - low)) * width;
}

export function yOf({ y, height, yDomain: [low, high] }: Panel, value: number): number {
  return y + height - ((value - low) / (high - low)) * height;
}

/** Round numbers inside a domain, about `count` of them. */
export function ticksOf([low, high]: readonly [number, number], count: number): number[] {
  const raw = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= raw * 0.999)!;
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

export interface PanelText {
  readonly title?: string;
  readonly subtitle?: string;
  /** Under the ticks, and left of them; absent ones have no ticks either. */
  readonly xLabel?: string;
  readonly yLabel?: string;
  readonly xTicks?: readonly number[];
  readonly yTicks?: readonly number[];
  readonly tickText?: (value: number) => string;
  /** Rules across the panel at the vertical ticks. */
  readonly grid?: boolean;
}

/** The frame of a panel with its title, ticks and labels, to be drawn over its content. */
export function panelFrame(panel: Panel, text: PanelText): string {
  const { x, y, width, height } = panel;
  const { tickText = (value) => String(value) } = text;
  const label = (value: number): string => tickText(value).replace('-', '−');
  const middle = x + width / 2;
  const xTicks = text.xTicks ?? ticksOf(panel.xDomain, 4);
  const yTicks = text.yTicks ?? ticksOf(panel.yDomain, 4);
  return [
    ...(text.grid === true
      ? yTicks.map((tick) => {
          const at = yOf(panel, tick).toFixed(1);
          return `<line x1="${x}" x2="${x + width}" y1="${at}" y2="${at}" stroke="${colours.grid}" stroke-width="0.75"/>`;
        })
      : []),
    `<rect x="${x}" y="${y}" width="${width}" height="${height}" fill="none" stroke="${colours.muted}" stroke-width="0.75"/>`,
    text.title === undefined
      ? ''
      : `<text x="${middle}" y="${y - (text.subtitle === undefined ? 8 : 24)}" text-anchor="middle" font-size="12.5" font-weight="600" fill="${colours.ink}">${escapeXml(text.title)}</text>`,
    text.subtitle === undefined
      ? ''
      : `<text x="${middle}" y="${y - 8}" text-anchor="middle" font-size="11" fill="${colours.muted}">${escapeXml(text.subtitle)}</text>`,
    ...(text.xLabel === undefined
      ? []
      : [
          ...xTicks.map((tick) => {
            const at = xOf(panel, tick).toFixed(1);
            return `<line x1="${at}" x2="${at}" y1="${y + height}" y2="${y + height + 4}" stroke="${colours.muted}"/><text x="${at}" y="${y + height + 16}" text-anchor="middle" font-size="10.5" fill="${colours.muted}">${label(tick)}</text>`;
          }),
          `<text x="${middle}" y="${y + height + 34}" text-anchor="middle" font-size="11" fill="${colours.ink}">${escapeXml(text.xLabel)}</text>`,
        ]),
    ...(text.yLabel === undefined
      ? []
      : [
          ...yTicks.map((tick) => {
            const at = yOf(panel, tick);
            return `<line x1="${x - 4}" x2="${x}" y1="${at.toFixed(1)}" y2="${at.toFixed(1)}" stroke="${colours.muted}"/><text x="${x - 8}" y="${(at + 3.5).toFixed(1)}" text-anchor="end" font-size="10.5" fill="${colours.muted}">${label(tick)}</text>`;
          }),
          `<text transform="translate(${x - 46},${y + height / 2}) rotate(-90)" text-anchor="middle" font-size="11" fill="${colours.ink}">${escapeXml(text.yLabel)}</text>`,
        ]),
  ].join('\n');
}

/** Points as a line, broken where a value is not finite and cut off at the panel's edge. */
export function linePath(panel: Panel, points: readonly (readonly [number, number])[]): string {
  let path = '';
  let open = false;
  for (const [a, b] of points) {
    const inside = Number.isFinite(a) && Number.isFinite(b) && b <= panel.yDomain[1] && b >= panel.yDomain[0];
    if (inside) path += `${open ? 'L' : 'M'}${xOf(panel, a).toFixed(1)} ${yOf(panel, b).toFixed(1)}`;
    open = inside;
  }
  return path;
}
