import type { Cnf } from '@sparseflow/cnf';
import { evaluateNll } from '@sparseflow/cnf';
import { firstRows, readRows, rowsInOrder } from '@sparseflow/datasets';
import type { Dataset, Rows, Split } from '@sparseflow/datasets';
import type { Backend, Key, Params } from '@sparseflow/tensor';
import type { PointConfig } from '../plan.ts';
import type { Artefact } from '../results/store.ts';
import { keysOf } from './model.ts';
import type { PointData } from './pointData.ts';
import type { Task } from './task.ts';

/** Exact-trace likelihoods in nats per point. */
export interface Likelihoods {
  readonly trainNll: number;
  readonly validationNll: number;
  readonly testNll: number;
}

/** The negative log-likelihood of each split, on as many of its rows as the budget says. */
export async function evaluateLikelihoods(
  task: Task,
  params: Params,
  data: PointData,
  { trainRows, validationRows, testRows }: PointConfig['evaluation'],
  key: Key,
): Promise<Likelihoods> {
  const atOnce = data.whole ? Infinity : undefined;
  const nll = async (rows: Rows, count: number | null): Promise<number> =>
    (await nllOfRows((split) => task.nll(params, split, key), partOf(rows, count), key, atOnce)) + data.logScale;
  return {
    trainNll: await nll(data.train, trainRows),
    validationNll: await nll(data.validation, validationRows),
    testNll: await nll(data.test, testRows),
  };
}

/** The first rows of a split, or all. */
export function partOf(rows: Rows, count: number | null): Rows {
  return count === null ? rows : firstRows(rows, count);
}

/** Of rows in files that are read at once. */
const numbersAtOnce = 2 ** 21;

/** The mean of a likelihood over rows, which are read a part at a time. */
export async function nllOfRows(
  nll: (split: Split) => Promise<number>,
  rows: Rows,
  key: Key,
  atOnce = Math.ceil(numbersAtOnce / rows.dim),
): Promise<number> {
  if (rows.count <= atOnce) return nll(await readRows(rows, key));
  let total = 0;
  for await (const part of rowsInOrder(rows, { key, batchSize: atOnce })) total += (await nll(part)) * part.count;
  return total / rows.count;
}

/** Consecutive rows of a split, without copying. */
export function rowsOf({ points, labels, dim, count }: Split, from: number, to: number): Split {
  const end = Math.min(to, count);
  const rows = { points: points.subarray(from * dim, end * dim), dim, count: end - from };
  return labels === undefined ? rows : { ...rows, labels: labels.subarray(from, end) };
}

/** log p at the centres of a square grid, samples of the flow, and for the dense flow the test set. */
export async function drawFlow(
  flow: Cnf,
  params: Params,
  data: Dataset,
  config: PointConfig,
  extent: number,
  backend: Backend,
): Promise<Artefact> {
  const { grid, samples: count } = config.evaluation;
  const { perPoint } = await evaluateNll(flow, params, gridCentres(grid, extent), { backend });
  const samples = await flow.sample(params, count, { key: keysOf(config).samples, backend });
  try {
    return {
      extent,
      arrays: {
        logDensity: { shape: [grid, grid], values: Float32Array.from(perPoint, (value) => -value) },
        samples: { shape: [count, 2], values: Float32Array.from(await samples.data()) },
        ...(config.method === 'dense'
          ? { data: { shape: [data.test.count, 2], values: Float32Array.from(data.test.points) } }
          : {}),
      },
    };
  } finally {
    samples.dispose();
  }
}

/** Cell centres [side², 2] of the square [-extent, extent]², rows from the lowest y up, x running fastest. */
export function gridCentres(side: number, extent: number): Float64Array {
  const step = (2 * extent) / side;
  return Float64Array.from({ length: 2 * side * side }, (_, i) => {
    const cell = i >> 1;
    const k = i % 2 === 0 ? cell % side : Math.floor(cell / side);
    return -extent + (k + 0.5) * step;
  });
}
