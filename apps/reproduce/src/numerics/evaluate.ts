import type { Cnf } from '@sparseflow/cnf';
import { evaluateNll } from '@sparseflow/cnf';
import type { Dataset, Split } from '@sparseflow/datasets';
import type { Backend, Params } from '@sparseflow/tensor';
import type { PointConfig } from '../plan.ts';
import type { Artefact } from '../results/store.ts';
import { keysOf } from './model.ts';

/** Exact-trace likelihoods in nats per point. */
export interface Likelihoods {
  readonly trainNll: number;
  readonly validationNll: number;
  readonly testNll: number;
}

/** The negative log-likelihood of each split, on as many of its points as the budget says. Splits are in random order. */
export async function evaluateLikelihoods(
  flow: Cnf,
  params: Params,
  data: Dataset,
  { trainRows, validationRows, testRows }: PointConfig['evaluation'],
  backend: Backend,
): Promise<Likelihoods> {
  const nll = async ({ points, dim }: Split, rows: number | null): Promise<number> =>
    (await evaluateNll(flow, params, rows === null ? points : points.subarray(0, rows * dim), { backend })).nll;
  return {
    trainNll: await nll(data.train, trainRows),
    validationNll: await nll(data.validation, validationRows),
    testNll: await nll(data.test, testRows),
  };
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
      logDensity: Float32Array.from(perPoint, (value) => -value),
      samples: Float32Array.from(await samples.data()),
      ...(config.method === 'dense' ? { data: Float32Array.from(data.test.points) } : {}),
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
