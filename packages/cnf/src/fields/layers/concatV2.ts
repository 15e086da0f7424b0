import { mul } from '@sparseflow/tensor';
import { ignore } from './ignore.ts';
import type { LayerKind } from './layer.ts';

/** u = W h + b + t · s: time is one more input, without a border on images. */
export const concatV2: LayerKind = {
  parameters: (map) => ({
    ...ignore.parameters(map),
    'shift.weight': { shape: [map.outputs], start: { bound: 1 }, out: 0, role: 'bias' },
  }),
  at: (p, t, map) => ({ ...ignore.at(p, t, map), shift: mul(p('shift.weight'), t) }),
  drift: (p) => p('shift.weight'),
};
