import type { Split } from '@sparseflow/datasets';
import type { Matrix, Measured, Picture, ViewName } from '../protocol.ts';
import { firstRows } from './data.ts';
import type { Learner } from './learner.ts';
import { keysOf, type Session } from './session.ts';

/** `coarse` while training goes on, `fine` when there is time. */
export type Quality = 'coarse' | 'fine';

/** Arrows stand in every second cell of the field, which costs one evaluation. */
const FIELD_SIDE = 42;

/** How much a picture may cost. */
interface Size {
  /** Cells along a side. */
  readonly side: number;
  /** Test points, at most, whose likelihood is taken. */
  readonly rows: number;
}

const FULL: Readonly<Record<Quality, Size>> = {
  coarse: { side: 64, rows: 2048 },
  fine: { side: 128, rows: Infinity },
};

/** What a picture may take on a backend that may be slow, in milliseconds. */
const PATIENCE: Readonly<Record<Quality, number>> = { coarse: 300, fine: 1200 };

/** Finds out how large pictures can be. Where kernels are fast they always have their full size, and so equal models equal pictures. */
export class Detail {
  /** Of a point whose likelihood is taken. */
  #ms = 1;

  sizeOf(quality: Quality, isFast: boolean): Size {
    const full = FULL[quality];
    if (isFast) return full;
    const points = PATIENCE[quality] / this.#ms;
    // Powers of 2: a GPU's buffers are kept for the next time that their size is wanted, so that sizes must be few.
    const below = (n: number): number => 2 ** Math.floor(Math.log2(n));
    return {
      side: Math.min(full.side, Math.max(16, below(Math.sqrt(0.75 * points)))),
      rows: Math.min(full.rows, Math.max(64, below(points / 4))),
    };
  }

  learn(points: number, ms: number): void {
    this.#ms = ms / points;
  }
}

/** The picture of a model, and how well it does. */
export async function pictureOf(
  session: Session,
  learner: Learner,
  view: ViewName,
  extent: number,
  quality: Quality,
  detail: Detail,
): Promise<Picture> {
  const { data, settings, opened } = session;
  const { side, rows } = detail.sizeOf(quality, opened.isFast());
  const look = {
    view,
    extent,
    side: view === 'field' ? FIELD_SIDE : side,
    points: data.test,
    key: keysOf(settings.seed).samples,
  };
  const drawn = await learner.use((model, params) => model.look(params, look));
  const points = firstRows(data.test, rows);
  const start = performance.now();
  const measured = await measure(learner, points);
  detail.learn(points.count, performance.now() - start);
  return { model: learner.name, view, step: learner.position.total, measured, extent, ...drawn };
}

export function measure(learner: Learner, points: Split): Promise<Measured> {
  return learner.use((model, params) => model.measure(params, points));
}

/** The weights of a model's layers. */
export async function matricesOf({ params, masks }: Learner): Promise<Matrix[]> {
  const weights = Object.entries(params).filter(([, { rank }]) => rank === 2);
  return Promise.all(
    weights.map(async ([name, x]) => {
      const mask = await masks[name]?.data();
      return {
        name,
        rows: x.shape[0]!,
        columns: x.shape[1]!,
        values: Float32Array.from(await x.data()),
        ...(mask && { mask: Uint8Array.from(mask) }),
      };
    }),
  );
}
