import type { Split } from '@sparseflow/datasets';
import type { Params } from '@sparseflow/tensor';
import type { Matrix, Measured, Picture, ViewName } from '../protocol.ts';
import { firstRows } from './data.ts';
import type { Learner } from './learner.ts';
import { keysOf, type Session } from './session.ts';

/** Cells along a side: coarse while training goes on, fine when there is time. Arrows stand in every second cell of the field. */
const SIDES: Readonly<Record<ViewName, { readonly coarse: number; readonly fine: number }>> = {
  density: { coarse: 64, fine: 128 },
  samples: { coarse: 64, fine: 128 },
  field: { coarse: 42, fine: 42 },
  trajectories: { coarse: 0, fine: 0 },
};

/** Test points whose likelihood is taken while training goes on. */
const MEASURED = 2048;

/** The picture of a model, and how well it does. */
export async function pictureOf(
  session: Session,
  learner: Learner,
  view: ViewName,
  extent: number,
  quality: 'coarse' | 'fine',
): Promise<Picture> {
  const { model, data, settings } = session;
  const { params } = learner;
  const points = quality === 'fine' ? data.test : firstRows(data.test, MEASURED);
  const drawn = await model.look(params, {
    view,
    extent,
    side: SIDES[view][quality],
    points: data.test,
    key: keysOf(settings.seed).samples,
  });
  const measured = await measure(session, params, points);
  return { model: learner.name, view, step: learner.position.total, measured, extent, ...drawn };
}

export function measure({ model }: Session, params: Params, points: Split): Promise<Measured> {
  return model.measure(params, points);
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
