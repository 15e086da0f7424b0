import {
  add,
  gather,
  matMul,
  mean,
  mul,
  permutation,
  randomNormal,
  scope,
  square,
  sub,
  fold,
  key,
  tanh,
  tensor,
  valueAndGrad,
  type Backend,
  type Key,
  type Masks,
  type Params,
  type Tensor,
} from '@sparseflow/tensor';
import { adamW, chain, clipByGlobalNorm, cosine, type FitOptions } from '../src/index.ts';

/** Inputs and targets of one batch. */
export interface Points {
  readonly x: Tensor;
  readonly y: Tensor;
}

export const POINTS = 24;
export const BATCH = 4;
export const STEPS_PER_EPOCH = POINTS / BATCH;
const HIDDEN = 5;

/**
 * A small regression with everything that a resumed run must restore: shuffled batches, noise in every step, masks, clipping, decay, a
 * schedule, validation with noise. Bit-reproducible on the reference backend.
 */
export function regression(backend: Backend, epochs: number): FitOptions<Points> & { masks: Masks } {
  const normal = (data: number, shape: number[]): Tensor => randomNormal(fold(key(5), data), shape, { backend });
  const params = { 'in.weight': normal(0, [2, HIDDEN]), 'in.bias': normal(1, [HIDDEN]), '0': normal(2, [HIDDEN, 1]) };
  const masks = {
    'in.weight': tensor(
      [
        [1, 0, 1, 1, 1],
        [1, 1, 0, 1, 1],
      ],
      { backend },
    ),
  };
  const loss = (p: Params, { x, y }: Points, noise: Tensor): Tensor => {
    const hidden = tanh(add(matMul(add(x, mul(noise, 0.1)), p['in.weight']!), p['in.bias']!));
    return mean(square(sub(matMul(hidden, p['0']!), y)));
  };
  const data = (rows: ArrayLike<number>): Points =>
    scope(() => {
      const indices = tensor(Int32Array.from(rows), { backend, dtype: 'int32' });
      return { x: gather(normal(3, [POINTS, 2]), indices, 0), y: gather(normal(4, [POINTS, 1]), indices, 0) };
    });
  return {
    params,
    masks,
    epochs,
    key: key(9),
    optimizer: chain(clipByGlobalNorm(1), adamW({ weightDecay: 0.1 })),
    schedule: cosine({ initial: 0.05, period: epochs * STEPS_PER_EPOCH }),
    keepBest: true,
    lossAndGrad(current: Params, batch: Points, stepKey: Key) {
      const noise = randomNormal(stepKey, batch.x.shape, { backend });
      try {
        const { value, grad } = valueAndGrad((p: Params) => loss(p, batch, noise))(current);
        return { loss: value, grads: grad, metrics: { first: batch.x.dataSync()[0]! } };
      } finally {
        noise.dispose();
      }
    },
    *batches(epoch: number, cursor: number, dataKey: Key) {
      const order = permutation(fold(dataKey, epoch), POINTS);
      for (let start = cursor * BATCH; start < POINTS; start += BATCH) {
        const batch = data(order.subarray(start, start + BATCH));
        try {
          yield batch;
        } finally {
          batch.x.dispose();
          batch.y.dispose();
        }
      }
    },
    validation(current: Params, validationKey: Key) {
      const value = scope(() => {
        const all = data(Array.from({ length: POINTS }, (_, i) => i));
        return loss(current, all, randomNormal(validationKey, [POINTS, 2], { backend }));
      });
      const [number] = value.dataSync();
      value.dispose();
      return number!;
    },
  };
}
