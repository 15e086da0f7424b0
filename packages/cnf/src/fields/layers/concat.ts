import type { LayerKind } from './layer.ts';
import type { LinearMap } from './linearMap.ts';

/** u = W [t, h] + b: time is one more input. Its weights are a parameter of their own, `time`. */
export const concat: LayerKind = concatenated(() => 1);

/** Layers with so many inputs that the net itself provides. */
export function concatenated(extra: (map: LinearMap) => number): LayerKind {
  return {
    parameters: (map) => {
      const all = map.inputs + extra(map);
      const { in: _, ...time } = map.weight(extra(map), all);
      const weight = map.weight(map.inputs, all);
      return { weight, time, bias: { shape: [map.outputs], start: weight.start, out: 0, role: 'bias' } };
    },
    at: (p, t, map) => ({ weight: p('weight'), bias: p('bias'), shift: map.background(p('time'), t) }),
  };
}
