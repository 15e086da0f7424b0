import { adam, adamW, sgd } from '@sparseflow/optim';
import type { Optimizer, OptimizerState } from '@sparseflow/optim';
import {
  add,
  disposeTree,
  key,
  matMul,
  mean,
  randomNormal,
  scope,
  square,
  sub,
  tanh,
  valueAndGrad,
} from '@sparseflow/tensor';
import type { Masks, Params, Tensor } from '@sparseflow/tensor';
import { createReferenceBackend } from '@sparseflow/tensor/reference';
import { expect, test } from 'vitest';
import { sparseFlow } from '../src/index.ts';
import type { Pruner } from '../src/index.ts';
import { chain, chainObjective, flatMask, flatValues } from './models.ts';

type Loss = (params: Params) => Tensor;

/** A hundred masked steps down the gradient. */
const steps =
  <S extends OptimizerState>(optimizer: Optimizer<S>) =>
  (loss: Loss, params: Params, masks: Masks): Params => {
    let current = { params, state: optimizer.init(params) };
    for (let step = 0; step < 100; step++) {
      current = scope(() => {
        const { grad } = valueAndGrad(loss)(current.params);
        return optimizer.update(grad, current.state, current.params, { masks });
      });
    }
    return current.params;
  };

const descents = {
  adamW: steps(adamW({ learningRate: 0.01, weightDecay: 0.1 })),
  adam: steps(adam({ learningRate: 0.01, weightDecay: 0.1 })),
  sgd: steps(sgd({ learningRate: 0.01, momentum: 0.9, weightDecay: 0.1 })),
};

/** The optimisers of this project, with momentum and with either kind of weight decay, keep zeros at zero. */
export function describeTraining(pruner: Pruner): void {
  test.each(Object.entries(descents))(
    'masked entries are zero after 100 steps of %s with weight decay, and the others move',
    async (_, descend) => {
      const backend = createReferenceBackend();
      const { params, neurons } = chain(backend, [2, 8, 8, 2]);
      const x = randomNormal(key(1), [16, 2], { backend });
      const y = randomNormal(key(2), [16, 2], { backend });
      const loss = (p: Params) => {
        const hidden = [0, 1].reduce((z, i) => tanh(layer(p, i, z)), x);
        return mean(square(sub(layer(p, 2, hidden), y)));
      };
      const { rounds } = await sparseFlow({
        params,
        neurons,
        pruner,
        keepRatios: [0.6, 0.4],
        key: key(0),
        objective: chainObjective(),
        train: (given, masks) => ({ params: scope(() => descend(loss, given, masks)) }),
      });
      for (const [i, { params: trained, masks }] of rounds.entries()) {
        const mask = await flatMask(params, masks);
        const values = await flatValues(trained);
        const before = await flatValues(i === 0 ? params : rounds[i - 1]!.params);
        expect(mask.filter((m) => m === 0).length > 0).toBe(i > 0);
        values.forEach((value, j) => {
          // The sign of zero is the optimiser's own affair.
          if (mask[j] === 0) expect(Math.abs(value)).toBe(0);
          else expect(value).not.toBe(before[j]);
        });
      }
      for (const { params, masks } of rounds) disposeTree([params, masks]);
    },
  );
}

function layer(params: Params, i: number, z: Tensor): Tensor {
  return add(matMul(z, params[`layers.${i}.weight`]!, { transposeB: true }), params[`layers.${i}.bias`]!);
}
