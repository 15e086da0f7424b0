import type { LayerKind } from './layer.ts';

/** u = W h + b, at all times. */
export const ignore: LayerKind = {
  parameters: (map) => {
    const weight = map.weight(map.inputs);
    return { weight, bias: { shape: [map.outputs], start: weight.start, out: 0, role: 'bias' } };
  },
  at: (p) => ({ weight: p('weight'), bias: p('bias') }),
};
