import type { Flow } from '@sparseflow/cnf';
import { readRows } from '@sparseflow/datasets';
import type { Backend, Params } from '@sparseflow/tensor';
import type { PointConfig } from '../plan.ts';
import type { Artefact } from '../results/store.ts';
import type { MultiscaleNet } from '../study.ts';
import { partOf } from './evaluate.ts';
import { keysOf } from './model.ts';
import type { PointData } from './pointData.ts';

/** Samples of a flow of images, from the same noise for all methods and rounds; for the dense flow also images of the test set. */
export async function drawImages(
  flow: Flow,
  params: Params,
  data: PointData,
  config: PointConfig,
  shape: MultiscaleNet['shape'],
  backend: Backend,
): Promise<Artefact> {
  const { samples: count } = config.evaluation;
  const key = keysOf(config).samples;
  const samples = await flow.sample(params, count, { key, backend });
  try {
    const images = { shape: [count, ...shape], values: Float32Array.from(await samples.data()) };
    if (config.method !== 'dense') return { extent: 1, arrays: { images } };
    const { points, count: rows } = await readRows(partOf(data.test, count), key);
    return { extent: 1, arrays: { images, data: { shape: [rows, ...shape], values: Float32Array.from(points) } } };
  } finally {
    samples.dispose();
  }
}
