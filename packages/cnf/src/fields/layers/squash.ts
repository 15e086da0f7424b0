import { add, mul, sigmoid } from '@sparseflow/tensor';
import { ignore } from './ignore.ts';
import type { LayerKind } from './layer.ts';

/** u = (W h + b) · σ(t · g + c): time scales the units. */
export const squash: LayerKind = {
  parameters: (map) => {
    const gate = { shape: [map.outputs], start: { bound: 1 }, out: 0, role: 'bias' } as const;
    return { ...ignore.parameters(map), 'gate.weight': gate, 'gate.bias': gate };
  },
  at: (p, t, map) => ({ ...ignore.at(p, t, map), scale: sigmoid(add(mul(p('gate.weight'), t), p('gate.bias'))) }),
  drift: (p) => mul(p('gate.weight'), p('bias')),
};
