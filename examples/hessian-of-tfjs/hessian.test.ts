import type { Scalar } from '@tensorflow/tfjs-core';
import { add, tensor } from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { hessian, model, top, trace, x, y } from './hessian.ts';

const weights = model.getWeights().map((weight) => weight.clone());

/** The loss as TensorFlow.js computes it, its weights moved along a direction. */
function lossAt(direction: Float64Array, length: number): number {
  let offset = 0;
  const moved = weights.map((weight) => {
    const part = Float32Array.from(direction.slice(offset, (offset += weight.size)), (v) => length * v);
    return add(weight, tensor(part, weight.shape));
  });
  model.setWeights(moved);
  const loss = (model.evaluate(x, y) as Scalar).dataSync()[0];
  model.setWeights(weights);
  return loss;
}

test('along an eigenvector the model’s own loss has its eigenvalue as second derivative', () => {
  expect(top.converged).toBe(true);
  // Second differences: the fourth derivative times h²/12 on one side, rounding of 1e-7 of the loss over h² on the other.
  const h = 0.02;
  top.values.slice(0, 2).forEach((value, i) => {
    const v = top.vectors[i];
    const second = (lossAt(v, h) - 2 * lossAt(v, 0) + lossAt(v, -h)) / h ** 2;
    expect(Math.abs(second - value)).toBeLessThan(0.02 * value);
  });
});

test('the estimated trace is the sum of the diagonal', async () => {
  let sum = 0;
  for (let i = 0; i < hessian.dimension; i++) {
    const unit = new Float64Array(hessian.dimension);
    unit[i] = 1;
    sum += (await hessian.apply(unit))[i];
  }
  expect(Math.abs(trace.value - sum)).toBeLessThan(4 * trace.standardError);
});
