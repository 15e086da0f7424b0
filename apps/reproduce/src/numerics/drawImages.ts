import type { Flow } from '@sparseflow/cnf';
import { readRows } from '@sparseflow/datasets';
import type { Backend, Params } from '@sparseflow/tensor';
import type { PointConfig } from '../plan.ts';
import type { NumberArray } from '../results/files.ts';
import type { Artefact } from '../results/store.ts';
import type { MultiscaleNet } from '../study.ts';
import { partOf } from './evaluate.ts';
import { keysOf } from './model.ts';
import type { PointData } from './pointData.ts';

/** Samples of a flow of images, from the same noise for all methods and rounds and at any time of training. */
export async function sampleImages(
  flow: Flow,
  params: Params,
  config: PointConfig,
  shape: MultiscaleNet['shape'],
  backend: Backend,
): Promise<NumberArray> {
  const { samples: count } = config.evaluation;
  const samples = await flow.sample(params, count, { key: keysOf(config).samples, backend });
  try {
    return { shape: [count, ...shape], values: Float32Array.from(await samples.data()) };
  } finally {
    samples.dispose();
  }
}

/** Samples; for the dense flow also images of the test set. */
export async function drawImages(
  flow: Flow,
  params: Params,
  data: PointData,
  config: PointConfig,
  shape: MultiscaleNet['shape'],
  backend: Backend,
): Promise<Artefact> {
  const images = await sampleImages(flow, params, config, shape, backend);
  if (config.method !== 'dense') return { extent: 1, arrays: { images } };
  const { points, count } = await readRows(partOf(data.test, config.evaluation.samples), keysOf(config).samples);
  return { extent: 1, arrays: { images, data: { shape: [count, ...shape], values: Float32Array.from(points) } } };
}
