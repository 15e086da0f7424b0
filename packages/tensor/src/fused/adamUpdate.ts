import { ShapeError } from '../errors.ts';
import { affine } from '../ops/affine.ts';
import { add, div, mul, sub } from '../ops/binary.ts';
import { sqrt, square } from '../ops/unary.ts';
import { shapesEqual } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { defineFused } from './defineFused.ts';

export interface AdamParams {
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
  /** True: weight decay acts on the parameter (AdamW). False: it is added to the gradient (Adam with L2). */
  readonly decoupled: boolean;
  /** The number of this update, from 1. */
  readonly step: number;
}

const fused = /* @__PURE__ */ defineFused<AdamParams>(
  'adamUpdate',
  ([param, gradient, mean, variance, mask], p) => {
    const decay = p.weightDecay !== 0;
    const g = decay && !p.decoupled ? add(gradient!, affine(param!, p.weightDecay)) : gradient!;
    const newMean = add(affine(mean!, p.beta1), affine(g, 1 - p.beta1));
    const newVariance = add(affine(variance!, p.beta2), affine(square(g), 1 - p.beta2));
    const scale = p.learningRate / (1 - p.beta1 ** p.step);
    const deviation = affine(sqrt(newVariance), 1 / Math.sqrt(1 - p.beta2 ** p.step), p.epsilon);
    const start = decay && p.decoupled ? affine(param!, 1 - p.learningRate * p.weightDecay) : param!;
    const moved = sub(start, affine(div(newMean, deviation), scale));
    return [mask ? mul(moved, mask) : moved, newMean, newVariance];
  },
  {
    outputs(inputs) {
      const param = inputs[0]!;
      const odd = inputs.find((x) => !shapesEqual(x.shape, param.shape));
      if (odd)
        throw new ShapeError(
          'adamUpdate',
          `shapes [${param.shape}] and [${odd.shape}]`,
          'give gradient, moments and mask the shape of the parameter',
        );
      return [param, param, param];
    },
  },
);

/**
 * One update of Adam (Kingma & Ba 2015, algorithm 1) or AdamW (Loshchilov & Hutter 2019, algorithm 2) for one parameter. A mask
 * multiplies the new parameter, not the moments.
 *
 * @throws {ShapeError} when the operands' shapes differ
 */
export function adamUpdate(
  state: {
    readonly param: Tensor;
    readonly gradient: Tensor;
    readonly mean: Tensor;
    readonly variance: Tensor;
    readonly mask?: Tensor | undefined;
  },
  params: AdamParams,
): { param: Tensor; mean: Tensor; variance: Tensor } {
  const inputs = [state.param, state.gradient, state.mean, state.variance, ...(state.mask ? [state.mask] : [])];
  const [param, mean, variance] = fused(inputs, params);
  return { param: param!, mean: mean!, variance: variance! };
}
