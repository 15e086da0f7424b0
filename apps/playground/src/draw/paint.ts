import { contours } from 'd3-contour';
import type { DataReport, Picture } from '../protocol.ts';
import type { Task } from '../settings.ts';
import { arrows, boundary, clear, dots, frameOf, heat, particles } from './canvas.ts';
import type { Palette } from './colours.ts';

/** What colours stand for, the same in all panes. */
export interface Scale {
  readonly low: number;
  readonly high: number;
}

export interface Painting {
  readonly picture: Picture | undefined;
  readonly data: DataReport | undefined;
  readonly showsData: boolean;
  readonly time: number;
  readonly task: Task;
  readonly scale: Scale;
}

/** Natural logarithms of densities are shown down to this far below the highest. */
const DEPTH = 7;

/** The scale that suits all pictures of a view. */
export function scaleOf(pictures: readonly Picture[], task: Task): Scale {
  const values = pictures.filter(({ side }) => side > 0);
  const most = values.reduce(
    (high, picture) => picture.values.reduce((m, value) => (value > m ? value : m), high),
    -Infinity,
  );
  if (values[0]?.view === 'field') return { low: 0, high: most > 0 ? most : 1 };
  if (task === 'classification') return { low: 0, high: 1 };
  const high = Number.isFinite(most) ? Math.ceil(2 * most) / 2 : 0;
  return { low: high - DEPTH, high };
}

/** Paints a pane. The same input gives the same pixels. */
export function paint(canvas: HTMLCanvasElement, painting: Painting, palette: Palette): void {
  const { picture, data, showsData, time, task, scale } = painting;
  const frame = frameOf(canvas, picture?.extent ?? data?.extent ?? 3);
  clear(frame, palette);
  const classified = task === 'classification' ? data?.labels : undefined;
  const points = (): void => {
    if (data) dots(frame, data.points, classified ? palette.classes : palette.data, classified ? 3 : 1.7, classified);
  };
  if (!picture) return points();
  if (picture.side > 0) {
    const isDecision = task === 'classification' && picture.view !== 'field';
    heat(frame, picture, isDecision ? palette.decision : palette.sequential, scale.low, scale.high);
    if (isDecision) boundary(frame, boundaryOf(picture), picture.side, palette.ink);
  }
  if (showsData) points();
  if (picture.samples) dots(frame, picture.samples, palette.sample, 2.2);
  if (picture.vectors) arrows(frame, picture, palette.arrow);
  if (picture.paths) {
    const colour = picture.paths.labels ? palette.classes : palette.sample;
    particles(frame, picture.paths, time, palette.trail, colour);
  }
}

function boundaryOf({ side, values }: Picture): [number, number][][] {
  // Where it is open, d3 closes it along the edge: those parts are left out.
  const rings = contours()
    .size([side, side])
    .contour([...values], 0.5)
    .coordinates.flat();
  const isEdge = ([x, y]: readonly number[]): boolean => x! <= 0.5 || y! <= 0.5 || x! >= side - 0.5 || y! >= side - 0.5;
  return rings.flatMap((ring) => {
    const lines: [number, number][][] = [[]];
    for (const point of ring) {
      if (isEdge(point)) lines.push([]);
      else lines.at(-1)!.push([point[0]!, point[1]!]);
    }
    return lines.filter((line) => line.length > 1);
  });
}
