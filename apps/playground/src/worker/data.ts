import { generateToy, toyDataset, type Dataset, type Split, type ToyDefinition } from '@sparseflow/datasets';
import { fold, key, normal, uniform } from '@sparseflow/tensor';
import { along, readStrokes } from '../drawing.ts';
import type { DataReport } from '../protocol.ts';
import { DRAWN, DRAWN_POINTS, type Settings } from '../settings.ts';

/** Standard deviation of the points around drawn strokes, in units of half the square's side. */
const SPREAD = 0.035;

function drawnDefinition(drawing: string): ToyDefinition {
  const strokes = readStrokes(drawing);
  return {
    name: DRAWN,
    description: 'points around the strokes that were drawn',
    modes: 1,
    labelled: false,
    trainPerMode: DRAWN_POINTS,
    sample(key, _mode, count) {
      const where = uniform(fold(key, 0), count);
      const noise = normal(fold(key, 1), 2 * count);
      const points = new Float64Array(2 * count);
      where.forEach((share, i) => points.set(along(strokes, share), 2 * i));
      return points.map((x, i) => x + SPREAD * noise[i]!);
    },
  };
}

/** The data of some settings: the same points as the command line draws for this seed. */
export function dataOf({ data, drawing, sizes, seed }: Settings): Dataset {
  return generateToy(data === DRAWN ? drawnDefinition(drawing) : toyDataset(data), fold(key(seed), 0), sizes ?? {});
}

const SHOWN = 3000;

export function reportOf(data: Dataset): DataReport {
  const { points, labels } = firstRows(data.test, SHOWN);
  return {
    name: data.name,
    points: Float32Array.from(points),
    ...(labels && { labels: Uint8Array.from(labels) }),
    trainCount: data.train.count,
    testCount: data.test.count,
    extent: extentOf(data.test.points),
  };
}

/** Splits are in random order, so that the first rows stand for all. */
export function firstRows({ points, labels, dim, count }: Split, rows: number): Split {
  const n = Math.min(rows, count);
  const some = { points: points.subarray(0, n * dim), dim, count: n };
  return labels ? { ...some, labels: labels.subarray(0, n) } : some;
}

/** All but the outermost thousandth of the coordinates, with a margin. */
function extentOf(points: Float64Array): number {
  const sizes = points.map(Math.abs).sort();
  return Math.ceil(1.3 * sizes[Math.floor(0.999 * (sizes.length - 1))]! * 10) / 10;
}
