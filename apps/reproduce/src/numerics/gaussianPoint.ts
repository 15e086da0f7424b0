import type { Rows } from '@sparseflow/datasets';
import type { Job, Outcome } from '../run/executor.ts';
import { fitGaussian, gaussianNll } from './gaussian.ts';
import { openData } from './openData.ts';
import { partOf } from './evaluate.ts';

/** Computes the baseline that any flow should beat: the normal distribution that fits the training rows best. */
export async function gaussianPoint({ planned: { config }, dataDir }: Job): Promise<Outcome> {
  const started = performance.now();
  const data = await openData(config, dataDir);
  try {
    const { dim } = data.train;
    const { trainRows, validationRows, testRows } = config.evaluation;
    const fitted = await fitGaussian(data.train);
    const nll = async (rows: Rows, count: number | null): Promise<number> =>
      (await gaussianNll(fitted, partOf(rows, count))) + data.logScale;
    const likelihoods = {
      trainNll: await nll(data.train, trainRows),
      validationNll: await nll(data.validation, validationRows),
      testNll: await nll(data.test, testRows),
    };
    const parameters = dim + (dim * (dim + 1)) / 2;
    const seconds = Math.round(performance.now() - started) / 1000;
    if (!Object.values(likelihoods).every(Number.isFinite)) {
      const reason = 'the covariance of the training rows has no inverse';
      return { status: 'diverged', reason, parameters, epochs: 0, seconds };
    }
    return {
      status: 'ok',
      measured: { parameters, epochs: 0, ...likelihoods, nfeForward: 0, nfeBackward: 0 },
      seconds,
    };
  } finally {
    await data.close();
  }
}
