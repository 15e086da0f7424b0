import type { Cnf } from '@sparseflow/cnf';
import { evaluateNll } from '@sparseflow/cnf';
import type { Dataset, Split } from '@sparseflow/datasets';
import type { Backend, Params } from '@sparseflow/tensor';
import type { PointConfig } from '../plan.ts';
import type { Artefact } from '../results/store.ts';
import { keysOf } from './model.ts';
import type { Task } from './task.ts';

/** Exact-trace likelihoods in nats per point. */
export interface Likelihoods {
  readonly trainNll: number;
  readonly validationNll: number;
  readonly testNll: number;
}

/** The negative log-likelihood of each split, on as many of its points as the budget says. Splits are in random order. */
export async function evaluateLikelihoods(
  task: Task,
  params: Params,
  data: Dataset,
  { trainRows, validationRows, testRows }: PointConfig['evaluation'],
): Promise<Likelihoods> {
  const nll = (split: Split, rows: number | null): Promise<number> =>
    task.nll(params, rowsOf(split, 0, rows ?? Infinity));
  return {
    trainNll: await nll(data.train, trainRows),
    validationNll: await nll(data.validation, validationRows),
    testNll: await nll(data.test, testRows),
  };
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
