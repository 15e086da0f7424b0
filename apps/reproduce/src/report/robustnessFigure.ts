import { zeroLine } from '../numerics/boundary.ts';
import type { Segments } from '../numerics/boundary.ts';
import { heatImage, heatStops, tintImage } from './heat.ts';
import { escapeXml, frame } from './render.ts';
import { streamlines } from './streamlines.ts';
import { colours } from './theme.ts';

/** One classifier to draw: a row of the figure. */
export interface DrawnClassifier {
  readonly title: string;
  /** Numbers, one line each. */
  readonly notes: readonly string[];
  /** Logit of class 1 less that of class 0 at the cell centres of a square, [side, side], rows from the lowest y up. */
  readonly difference: ArrayLike<number>;
  /** The vector field at t = 0, likewise, [side, side, 2]. */
  readonly field: ArrayLike<number>;
  /** The states of samples, [samples, times, 2], at equally spaced times from 0 to 1. */
  readonly trajectories: ArrayLike<number>;
  /** The classes of these samples. */
  readonly classes: ArrayLike<number>;
}

/** What all rows share. */
export interface RobustnessScene {
  /** Half the side of the square. */
  readonly extent: number;
  /** Points [n, 2] of the test set, with their labels. */
  readonly points: ArrayLike<number>;
  readonly labels: ArrayLike<number>;
}

const panel = 176;
const gap = 44;
const left = 150;
const top = 96;
const pitch = panel + 40;
// Blue and orange, as in the paper.
const classColours = [colours.unstructured, colours.structured] as const;

/**
 * The paper's Figure 9: a row for each classifier, from left to right its decision boundary among the test points, the vector field
 * with its intensity at depth 0, and the ways of single samples through the depth, one panel for each coordinate of the state.
 *
 * @returns an SVG file.
 */
export function robustnessFigure(
  title: string,
  about: string,
  scene: RobustnessScene,
  rows: readonly DrawnClassifier[],
): string {
  const { extent } = scene;
  const side = Math.round(Math.sqrt(rows[0]!.difference.length));
  const intensities = rows.map(({ field }) =>
    Float64Array.from({ length: side * side }, (_, i) => Math.hypot(field[2 * i]!, field[2 * i + 1]!)),
  );
  // One scale for all rows, so that attenuation shows: up to the strongest field where the data are, which is what is compared.
  const strongest = niceAbove(Math.max(...intensities.map((values) => quantileOf(values, 0.98))));
  const span = niceAbove(
    Math.max(...rows.map(({ trajectories }) => quantileOf(Float64Array.from(trajectories, Math.abs), 0.995))),
  );
  const column = (k: number): number => left + k * (panel + gap);

  const content = rows.map((row, i) => {
    const y = top + i * pitch;
    const boundary = zeroLine(row.difference, side, extent);
    const last = i === rows.length - 1;
    return [
      rowTitle(row, y),
      at(column(0), y, [
        `<image width="${panel}" height="${panel}" preserveAspectRatio="none" xlink:href="${tintImage(row.difference, side, classColours)}"/>`,
        dots(scene, extent),
        boundaryPath(boundary, extent),
        plane(extent, last, ['x₁', 'x₂']),
      ]),
      at(column(1), y, [
        `<image width="${panel}" height="${panel}" preserveAspectRatio="none" xlink:href="${heatImage(intensities[i]!, side, [0, strongest])}"/>`,
        flowLines(row.field, side, extent),
        plane(extent, last, ['z₁', 'z₂']),
      ]),
      ...([0, 1] as const).map((k) =>
        at(column(2 + k), y, [ways(row, k, span), depth(span, last, `z${k === 0 ? '₁' : '₂'}`)]),
      ),
    ].join('\n');
  });
  const headings = ['decision boundary', 'vector field, t = 0', 'state z₁ through depth', 'state z₂ through depth'];
  const right = column(3) + panel;
  return frame({
    width: right + 26,
    height: top + rows.length * pitch + 66,
    title,
    subtitle: about,
    description: `${rows.length} rows: ${rows.map((row) => [row.title, ...row.notes].join(', ')).join('; ')}. Columns: ${headings.join('; ')}. Intensities share one scale from 0 to ${strongest}; so do the depth panels, from −${span} to ${span}.`,
    content: [
      ...headings.map(
        (text, k) =>
          `<text x="${column(k) + panel / 2}" y="${top - 14}" text-anchor="middle" font-size="12.5" font-weight="600" fill="${colours.ink}">${text}</text>`,
      ),
      ...content,
      legend(left, top + rows.length * pitch + 34),
      colourBar(column(1), top + rows.length * pitch + 26, strongest),
    ].join('\n'),
  });
}

/** The smallest of 1, 1.5, 2, 3, 4, 5, 7.5 times a power of ten that is not below the value. */
function niceAbove(value: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1e-9)));
  return [1, 1.5, 2, 3, 4, 5, 7.5, 10].map((k) => k * power).find((nice) => nice >= value * (1 - 1e-12))!;
}

function quantileOf(values: Float64Array, share: number): number {
  return Float64Array.from(values).sort()[Math.floor(share * (values.length - 1))]!;
}

function at(x: number, y: number, content: readonly string[]): string {
  return `<g transform="translate(${x},${y})">\n${content.join('\n')}\n</g>`;
}

function rowTitle({ title, notes }: DrawnClassifier, y: number): string {
  const lines = notes.map(
    (note, i) =>
      `<text x="16" y="${y + panel / 2 - 6 + 16 * i}" font-size="11" fill="${colours.muted}">${escapeXml(note)}</text>`,
  );
  return `<text x="16" y="${y + panel / 2 - 26}" font-size="12.5" font-weight="600" fill="${colours.ink}">${escapeXml(title)}</text>\n${lines.join('\n')}`;
}

/** All points of a class as one path of dots: a circle each would make the file several times as large. */
function dots({ points, labels }: RobustnessScene, extent: number): string {
  const scale = panel / (2 * extent);
  const paths = classColours.map(() => [] as string[]);
  for (let i = 0; i < labels.length; i++) {
    const [x, y] = [(points[2 * i]! + extent) * scale, (extent - points[2 * i + 1]!) * scale];
    paths[labels[i]!]!.push(`M${x.toFixed(1)} ${y.toFixed(1)}h0`);
  }
  return paths
    .map(
      (path, k) =>
        `<path class="class-${k}" d="${path.join('')}" fill="none" stroke="${classColours[k]!}" stroke-width="2.4" stroke-linecap="round"/>`,
    )
    .join('\n');
}

function boundaryPath(boundary: Segments, extent: number): string {
  const scale = panel / (2 * extent);
  const pieces: string[] = [];
  for (let i = 0; i < boundary.length; i += 4) {
    const [a, b, c, d] = [0, 1, 2, 3].map(
      (k) => (k % 2 === 0 ? boundary[i + k]! + extent : extent - boundary[i + k]!) * scale,
    );
    pieces.push(`M${a!.toFixed(1)} ${b!.toFixed(1)}L${c!.toFixed(1)} ${d!.toFixed(1)}`);
  }
  return `<path class="boundary" d="${pieces.join('')}" fill="none" stroke="${colours.ink}" stroke-width="1.3" stroke-linecap="round"/>`;
}

/** Streamlines, each with an arrow head in its middle. */
function flowLines(field: ArrayLike<number>, side: number, extent: number): string {
  const scale = panel / (2 * extent);
  const paths: string[] = [];
  const heads: string[] = [];
  for (const line of streamlines(field, side, extent)) {
    const points = Array.from(
      { length: line.length / 2 },
      (_, i) => [(line[2 * i]! + extent) * scale, (extent - line[2 * i + 1]!) * scale] as const,
    );
    paths.push(`M${points.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join('L')}`);
    const middle = Math.max(1, Math.floor(points.length / 2));
    const [[px, py], [x, y]] = [points[middle - 1]!, points[middle]!];
    const angle = (Math.atan2(y - py, x - px) * 180) / Math.PI;
    heads.push(
      `<path transform="translate(${x.toFixed(1)},${y.toFixed(1)}) rotate(${angle.toFixed(0)})" d="M-2.6 -2.4L2.6 0L-2.6 2.4z"/>`,
    );
  }
  // White reads on the whole of the colour map but its bright end, where the thin dark rim helps.
  return `<g class="field" fill="#fff"><path d="${paths.join('')}" fill="none" stroke="#0008" stroke-width="1.5"/><path d="${paths.join('')}" fill="none" stroke="#fff" stroke-width="0.8"/>${heads.join('')}</g>`;
}

/** The ways of samples: one coordinate of the state over depth. */
function ways({ trajectories, classes }: DrawnClassifier, coordinate: 0 | 1, span: number): string {
  const times = trajectories.length / classes.length / 2;
  const paths = classColours.map(() => [] as string[]);
  for (let n = 0; n < classes.length; n++) {
    const line = Array.from({ length: times }, (_, i) => {
      const value = trajectories[2 * (n * times + i) + coordinate]!;
      const y = Math.min(panel, Math.max(0, ((span - value) / (2 * span)) * panel));
      return `${((i / (times - 1)) * panel).toFixed(1)} ${y.toFixed(1)}`;
    });
    paths[classes[n]!]!.push(`M${line.join('L')}`);
  }
  return paths
    .map(
      (path, k) =>
        `<path class="ways-${k}" d="${path.join('')}" fill="none" stroke="${classColours[k]!}" stroke-width="0.7" stroke-opacity="0.35"/>`,
    )
    .join('\n');
}

const text = (x: number, y: number, anchor: string, content: string, fill: string = colours.muted): string =>
  `<text x="${x}" y="${y}" text-anchor="${anchor}" font-size="10.5" fill="${fill}">${content}</text>`;
const number = (value: number): string => String(value).replace('-', '−');
const border = `<rect width="${panel}" height="${panel}" fill="none" stroke="${colours.muted}" stroke-width="0.75"/>`;

/** Frame and ticks of a panel that shows the plane. */
function plane(extent: number, labelled: boolean, [horizontal, vertical]: readonly [string, string]): string {
  const place = (value: number): number => ((value + extent) / (2 * extent)) * panel;
  const ticks = [-2, 0, 2].filter((value) => Math.abs(value) < extent);
  return [
    border,
    ...ticks.map((tick) => text(-6, panel - place(tick) + 3.5, 'end', number(tick))),
    text(-24, panel / 2 + 3.5, 'middle', vertical, colours.ink),
    ...ticks.map((tick) => text(place(tick), panel + 14, 'middle', number(tick))),
    ...(labelled ? [text(panel / 2, panel + 30, 'middle', horizontal, colours.ink)] : []),
  ].join('\n');
}

/** Frame and ticks of a panel that shows a coordinate over depth. */
function depth(span: number, labelled: boolean, vertical: string): string {
  return [
    border,
    ...[-span, 0, span].map((tick) => text(-6, ((span - tick) / (2 * span)) * panel + 3.5, 'end', number(tick))),
    text(-28, panel / 4 + 3.5, 'middle', vertical, colours.ink),
    ...[0, 0.5, 1].map((tick) => text(tick * panel, panel + 14, 'middle', number(tick))),
    ...(labelled ? [text(panel / 2, panel + 30, 'middle', 'depth t', colours.ink)] : []),
  ].join('\n');
}

function legend(x: number, y: number): string {
  return classColours
    .map(
      (colour, k) =>
        `<circle cx="${x + 6 + k * 76}" cy="${y}" r="4" fill="${colour}"/>${text(x + 15 + k * 76, y + 3.5, 'start', `class ${k}`)}`,
    )
    .join('\n');
}

function colourBar(x: number, y: number, strongest: number): string {
  const [from, width] = [0, panel];
  return at(x, y, [
    `<linearGradient id="intensity" x1="0" x2="1" y1="0" y2="0">${heatStops()}</linearGradient>`,
    `<rect x="${from}" width="${width}" height="9" fill="url(#intensity)"/>`,
    text(from, 22, 'start', '0'),
    text(from + width / 2, 22, 'middle', '|f|', colours.ink),
    text(from + width, 22, 'end', `≥ ${number(strongest)}`),
  ]);
}
