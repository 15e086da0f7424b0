import { abs, add, matMul, mul, reshape, sizeOf, sum, tanh } from '@sparseflow/tensor';
import type { Tensor } from '@sparseflow/tensor';
import type { Time } from '../../field.ts';
import type { LayerKind, LayerParams, ParameterSpec } from './layer.ts';

/** Hidden units of the network that makes the weights of a dense layer. */
const HIDDEN = 8;

/**
 * Another network makes the weights from the time: W(t) and b(t). For dense layers it has one hidden layer of 8 tanh units; for
 * convolutions it is linear in t. Its parameters lie along the units of the layer that it makes, with an axis for its own hidden
 * units at the end, so that a unit of that layer can be pruned.
 *
 * FFJORD's convolution takes the bias from the first entries of the weights; here it has its own. The numbers of parameters are equal.
 */
export const hyper: LayerKind = {
  parameters: (map) => {
    const deep = map.coordinates === 0;
    // FFJORD begins with networks that do not depend on time yet.
    const slope = (spec: ParameterSpec): ParameterSpec => ({
      ...spec,
      shape: deep ? [...spec.shape, HIDDEN] : spec.shape,
      start: { bound: 0 },
    });
    const level = (spec: ParameterSpec): ParameterSpec => ({ ...spec, start: { deviation: 0.01 } });
    const weight = map.weight(map.inputs);
    const bias: ParameterSpec = { shape: [map.outputs], start: weight.start, out: 0, role: 'bias' };
    const made = {
      'weight.slope': slope(weight),
      'weight.level': level(weight),
      'bias.slope': slope(bias),
      'bias.level': level(bias),
    };
    if (!deep) return made;
    const hidden = { shape: [HIDDEN], role: 'bias' } as const;
    return {
      'hidden.weight': { ...hidden, start: { bound: 0 } },
      'hidden.bias': { ...hidden, start: { deviation: 0.01 } },
      ...made,
    };
  },
  at: (p, t, map) => {
    const h = map.coordinates === 0 ? tanh(add(mul(p('hidden.weight'), t), p('hidden.bias'))) : t;
    return { weight: made(p, 'weight', h), bias: made(p, 'bias', h) };
  },
  derived: true,
  drift: (p) => {
    const slope = abs(p('bias.slope'));
    return slope.rank === 1 ? slope : sum(slope, 1);
  },
  readers: ['slope', 'level'].map((part) => ({ weight: `weight.${part}`, bias: `bias.${part}` })),
};

function made(p: LayerParams, name: string, h: Time): Tensor {
  const [slope, level] = [p(`${name}.slope`), p(`${name}.level`)];
  if (slope.rank === level.rank) return add(mul(slope, h), level);
  const rows = reshape(slope, [sizeOf(level.shape), HIDDEN]);
  return add(reshape(matMul(rows, reshape(h as Tensor, [HIDDEN, 1])), level.shape), level);
}
