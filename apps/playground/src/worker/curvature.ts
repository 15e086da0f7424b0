import { hessianOperator, hutchinsonTrace, lanczos, restrict, type CurvatureOperator } from '@sparseflow/hessian';
import { fold } from '@sparseflow/tensor';
import type { CurvatureReport } from '../protocol.ts';
import { firstRows } from './data.ts';
import type { Learner } from './learner.ts';
import { nextTask } from './pace.ts';
import { keysOf, type Session } from './session.ts';

/** Training points that the loss is taken over. */
const POINTS = 512;
const SAMPLES = 20;
const ITERATIONS = 40;
/** Of an eigenvalue: its residual, relative to its size. */
const TOLERANCE = 1e-2;

/**
 * The curvature of the loss at a model, in the parameters that no mask removes: the largest eigenvalue of the Hessian, which is within its
 * residual of a true one, and the trace, with its standard error.
 *
 * @param onProduct - called after each product with the Hessian; of is how many there are at most
 */
export async function curvatureOf(
  session: Session,
  learner: Learner,
  signal: AbortSignal,
  onProduct: (done: number, of: number) => void,
): Promise<CurvatureReport> {
  const key = keysOf(session.settings.seed).analysis;
  const points = firstRows(session.data.train, POINTS);
  const frozen = await session.model.frozenLoss(learner.params, points, signal);
  try {
    const whole = await hessianOperator(
      (params, loss: typeof frozen.loss) => loss(params),
      learner.params,
      [{ batch: frozen.loss }],
      {
        unchecked: true,
      },
    );
    const left = await restrict(whole, learner.masks);
    let products = 0;
    const counted: CurvatureOperator = {
      ...left,
      async apply(vector) {
        // Lets a request to stop come in.
        await nextTask();
        signal.throwIfAborted();
        const product = await left.apply(vector);
        onProduct(++products, ITERATIONS + SAMPLES);
        return product;
      },
    };
    const maxIterations = Math.min(ITERATIONS, left.dimension);
    const top = await lanczos(counted, {
      k: 1,
      which: 'largest',
      tolerance: TOLERANCE,
      maxIterations,
      key: fold(key, 0),
    });
    const trace = await hutchinsonTrace(counted, { samples: SAMPLES, key: fold(key, 1) });
    return {
      model: learner.name,
      top: { value: top.values[0]!, error: top.residuals[0]! },
      trace: { value: trace.value, error: trace.standardError },
      points: points.count,
      products,
      converged: top.converged,
    };
  } finally {
    frozen.dispose();
  }
}
