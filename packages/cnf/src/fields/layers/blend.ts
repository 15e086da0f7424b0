import { add, mul, sub } from '@sparseflow/tensor';
import type { Tensor } from '@sparseflow/tensor';
import type { Time } from '../../field.ts';
import { ignore } from './ignore.ts';
import type { LayerKind } from './layer.ts';

/** From one layer at t = 0 to another at t = 1: u = (1 - t) (W₀ h + b₀) + t (W₁ h + b₁). */
export const blend: LayerKind = {
  parameters: (map) =>
    Object.fromEntries(
      ['start', 'end'].flatMap((side) =>
        Object.entries(ignore.parameters(map)).map(([name, spec]) => [`${side}.${name}`, spec] as const),
      ),
    ),
  at: (p, t) => ({
    weight: between(p('start.weight'), p('end.weight'), t),
    bias: between(p('start.bias'), p('end.bias'), t),
  }),
  derived: true,
  drift: (p) => sub(p('end.bias'), p('start.bias')),
  readers: ['start', 'end'].map((side) => ({ weight: `${side}.weight`, bias: `${side}.bias` })),
};

function between(start: Tensor, end: Tensor, t: Time): Tensor {
  return add(start, mul(sub(end, start), t));
}
