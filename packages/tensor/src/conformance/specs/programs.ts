import * as ops from '../../index.ts';
import type { ActivationName, DualLayer, Tensor } from '../../index.ts';
import { constant, float } from '../spec.ts';
import type { InputSpec, OpSpec } from '../spec.ts';
import { signed, uniform } from '../random.ts';

const names = Object.keys(ops.activations) as ActivationName[];

/** A network of widths 3, 5, 3 on 4 samples; the kinked activations stay clear of 0 with these weights (a test makes sure). */
const weights = uniform(-0.7, 0.7);

/** The exact divergence Σᵢ ∂fᵢ/∂xᵢ of a two-layer network, by one jvp per input: what training a flow differentiates. */
function divergence(activation: ActivationName, x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor): Tensor {
  const net = (z: Tensor): Tensor => ops.matMul(ops.activations[activation].apply(ops.add(ops.matMul(z, w1), b1)), w2);
  let total: Tensor | undefined;
  for (let i = 0; i < x.shape[1]!; i++) {
    const unit = ops.eye(x.shape[1]!, x);
    const row = ops.slice(unit, [i, 0], [1, x.shape[1]!]);
    const { tangent } = ops.jvp(net, x, ops.broadcastTo(row, x.shape));
    const diagonal = ops.sum(ops.mul(tangent, row), 1);
    total = total ? ops.add(total, diagonal) : diagonal;
  }
  return total!;
}

/** The operands of a dual network: x, tangents, then weight, bias, scale and shift of each layer as far as present. */
function dualInputs(
  widths: readonly number[],
  tangents: number,
  has: { bias: boolean; scale: boolean; shift: boolean },
  batch = 3,
): InputSpec[] {
  const layers = widths
    .slice(1)
    .flatMap((out, i) => [
      float([out, widths[i]!], weights),
      ...(has.bias ? [float([out], signed(0.3, 0.8))] : []),
      ...(has.scale ? [float([out], signed(0.5, 1.2))] : []),
      ...(has.shift ? [float([out], weights)] : []),
    ]);
  return [float([batch, widths[0]!]), float([tangents, batch, widths[0]!]), ...layers];
}

function dual(activation: ActivationName, has: { bias: boolean; scale: boolean; shift: boolean }) {
  return (x: Tensor, tangents: Tensor, ...rest: Tensor[]): readonly Tensor[] => {
    const layers: DualLayer[] = [];
    for (let at = 0; at < rest.length;) {
      const take = (present: boolean): Tensor | undefined => (present ? rest[at++] : undefined);
      layers.push({ weight: take(true)!, bias: take(has.bias), scale: take(has.scale), shift: take(has.shift) });
    }
    const { value, tangent } = ops.dualMlp(x, tangents, layers, activation);
    return [value, tangent];
  };
}

const gates = [
  { bias: true, scale: false, shift: false },
  { bias: true, scale: true, shift: true },
  { bias: false, scale: true, shift: false },
  { bias: true, scale: false, shift: true },
  { bias: false, scale: false, shift: false },
];
const gateName = (has: (typeof gates)[number]): string =>
  Object.entries(has)
    .flatMap(([name, present]) => (present ? [name] : []))
    .join('+') || 'weights only';

const adam = { learningRate: 0.01, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, step: 3 };

/** Bogacki-Shampine 3(2). */
const step: ops.DualMlpStepOptions = {
  method: { a: [[], [1 / 2], [0, 3 / 4], [2 / 9, 1 / 3, 4 / 9]], error: [-5 / 72, 1 / 12, 1 / 9, -1 / 8] },
  dt: -0.3,
  weight: 0.5,
};

/** Compositions: fused operations, which a backend may replace by kernels, and the derivative that flows are trained with. */
export const programSpecs: readonly OpSpec[] = [
  ...names.map((activation): OpSpec => ({
    op: 'divergence',
    variant: `${activation} MLP`,
    inputs: [float([4, 3]), float([3, 5], weights), float([5], signed(0.3, 0.8)), float([5, 3], weights)],
    f: (x, w1, b1, w2) => divergence(activation, x, w1, b1, w2),
    order: 2,
  })),
  ...names.flatMap((activation) =>
    [1, 3].map((k): OpSpec => ({
      op: 'dualMlp',
      variant: `${activation}, ${k} tangent${k === 1 ? '' : 's'}, bias+scale+shift`,
      inputs: dualInputs([2, 5, 3], k, gates[1]!),
      f: dual(activation, gates[1]!),
      order: 2,
    })),
  ),
  ...gates.map((has): OpSpec => ({
    op: 'dualMlp',
    variant: `tanh, 2 tangents, ${gateName(has)}`,
    inputs: dualInputs([3, 7, 1, 5, 3], 2, has),
    f: dual('tanh', has),
    order: 1,
  })),
  {
    op: 'dualMlp',
    variant: 'order 3',
    inputs: dualInputs([2, 3, 2], 1, gates[0]!),
    f: dual('sigmoid', gates[0]!),
    order: 3,
  },
  {
    op: 'dualMlp',
    variant: 'one layer',
    inputs: dualInputs([3, 2], 2, gates[0]!),
    f: dual('tanh', gates[0]!),
    order: 1,
  },
  {
    op: 'dualMlp',
    variant: 'empty batch',
    inputs: dualInputs([2, 5, 2], 2, gates[1]!, 0),
    f: dual('tanh', gates[1]!),
    order: 1,
  },
  {
    op: 'dualMlp',
    variant: 'no tangents',
    inputs: dualInputs([2, 5, 2], 0, gates[0]!),
    f: dual('tanh', gates[0]!),
    order: 1,
  },
  {
    op: 'dualMlp',
    variant: '37 samples, width 33',
    inputs: dualInputs([2, 33, 2], 2, gates[1]!, 37),
    f: dual('sigmoid', gates[1]!),
    order: 1,
    condition: 4,
  },
  {
    op: 'dualMlpWithVjp',
    variant: 'two layers with all gates, two tangents',
    inputs: [float([3, 2]), float([2, 3, 2]), ...dualInputs([2, 6, 2], 2, gates[1]!)],
    f: (ct, dct, x, tangents, w0, b0, s0, c0, w1, b1, s1, c1) => {
      const layers = [
        { weight: w0, bias: b0, scale: s0, shift: c0 },
        { weight: w1, bias: b1, scale: s1, shift: c1 },
      ];
      const { value, tangent, cotangents } = ops.dualMlpWithVjp(x, tangents, layers, 'tanh', { value: ct, tangent: dct }); // prettier-ignore
      const gradients = cotangents.layers.flatMap(({ weight, bias, scale, shift }) => [weight, bias!, scale!, shift!]);
      const all = [value, tangent, cotangents.x, cotangents.tangents, ...gradients];
      return ops.concat(
        all.map((y) => ops.reshape(y, [y.size])),
        0,
      );
    },
    order: 1,
  },
  {
    op: 'dualMlpStep',
    variant: 'two layers with biases, two probes, with an output',
    inputs: [
      float([3, 2]),
      float([3]),
      float([3, 2]),
      float([3]),
      float([2, 3, 2]),
      ...dualInputs([2, 5, 2], 0, gates[0]!).slice(2),
    ],
    f: (z, logDet, slopeOfZ, slopeOfLogDet, probes, w0, b0, w1, b1) => {
      const layers = [
        { weight: w0, bias: b0 },
        { weight: w1, bias: b1 },
      ];
      const options = { ...step, output: [0.1, 0, 0.3, 0.1] };
      const taken = ops.dualMlpStep({ z, logDet }, { z: slopeOfZ, logDet: slopeOfLogDet }, probes, layers, 'tanh', options); // prettier-ignore
      return ops.flattenTree([taken.state, taken.slope, taken.error, taken.output!] as never);
    },
    order: 1,
  },
  {
    op: 'dualMlpAdjointStep',
    variant: 'two layers without biases, one probe',
    inputs: [
      ...[
        float([3, 2]),
        float([3]),
        float([3, 2]),
        float([3, 2]),
        float([3]),
        float([3, 2]),
        float([3]),
        float([1, 3, 2]),
      ],
      ...[float([5, 2], weights), float([2, 5], weights), float([5, 2]), float([2, 5]), float([5, 2]), float([2, 5])],
    ],
    f: (z, logDet, ofZ, slopeOfZ, slopeOfLogDet, slopeOfOfZ, b, probes, w0, w1, g0, g1, s0, s1) => {
      const layersOf = (...all: Tensor[]): DualLayer[] => all.map((weight) => ({ weight }));
      const state = { z, logDet, ofZ, ofLayers: layersOf(g0, g1) };
      const slope = { z: slopeOfZ, logDet: slopeOfLogDet, ofZ: slopeOfOfZ, ofLayers: layersOf(s0, s1) };
      const taken = ops.dualMlpAdjointStep(state, slope, b, probes, layersOf(w0, w1), 'sigmoid', step);
      return ops.flattenTree([taken.state, taken.slope, taken.error, taken.ofLayers] as never);
    },
    order: 1,
  },
  {
    op: 'rowDots',
    variant: 'two of [4,3]',
    inputs: [float([2, 4, 3]), float([2, 4, 3])],
    f: (a, b) => ops.rowDots(a, b, 0.5),
    order: 3,
  },
  {
    op: 'rowDots',
    variant: 'no rows',
    inputs: [float([2, 0, 3]), float([2, 0, 3])],
    f: (a, b) => ops.rowDots(a, b),
    order: 1,
  },
  {
    op: 'scaleRows',
    variant: 'two of [4,3]',
    inputs: [float([2, 4, 3]), float([4])],
    f: (x, factors) => ops.scaleRows(x, factors, -2),
    order: 3,
  },
  {
    op: 'linearCombination',
    variant: 'three of [3,5]',
    inputs: [float([3, 5]), float([3, 5]), float([3, 5])],
    f: (...xs) => ops.linearCombination(xs, [0.25, -1.5, 1]),
    order: 3,
  },
  {
    op: 'linearCombination',
    variant: 'a zero coefficient, empty batch',
    inputs: [float([0, 3]), float([0, 3])],
    f: (...xs) => ops.linearCombination(xs, [0, 2]),
    order: 1,
  },
  {
    op: 'linearCombination',
    variant: 'seven scalars',
    inputs: Array.from({ length: 7 }, () => float([])),
    f: (...xs) => ops.linearCombination(xs, [1, 0, -2, 0.5, 3, 0, 0.125]),
    order: 1,
  },
  {
    op: 'scaledErrorNorm',
    variant: '[3,5] and [7]',
    inputs: [
      float([3, 5]),
      float([7]),
      ...[0.2, 2].flatMap((low) => [float([3, 5], signed(low, low * 5)), float([7], signed(low, low * 5))]),
    ],
    f: (e0, e1, a0, a1, b0, b1) => ops.scaledErrorNorm([e0, e1], [a0, a1], [b0, b1], { rtol: 0.5, atol: 0.25 }),
    order: 2,
  },
  ...[true, false].map((decoupled): OpSpec => ({
    op: 'adamUpdate',
    variant: decoupled ? 'AdamW' : 'Adam with L2',
    inputs: [float([3, 5]), float([3, 5]), float([3, 5]), float([3, 5], uniform(0.5, 2))],
    f: (param, gradient, mean, variance) =>
      adamOutputs(ops.adamUpdate({ param, gradient, mean, variance }, { ...adam, weightDecay: 0.1, decoupled })),
    order: 1,
  })),
  {
    op: 'adamUpdate',
    variant: 'masked, no decay',
    inputs: [
      float([7]),
      float([7]),
      float([7]),
      float([7], uniform(0.5, 2)),
      constant([7], (_, n) => Array.from({ length: n }, (__, i) => i % 2)),
    ],
    f: (param, gradient, mean, variance, mask) =>
      adamOutputs(
        ops.adamUpdate(
          { param, gradient, mean, variance, mask },
          {
            ...adam,
            weightDecay: 0,
            decoupled: true,
          },
        ),
      ),
    order: 1,
  },
];

function adamOutputs({ param, mean, variance }: ReturnType<typeof ops.adamUpdate>): readonly Tensor[] {
  return [param, mean, variance];
}
