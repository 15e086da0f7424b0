import {
  activations,
  add,
  dualMlp,
  dualMlpAdjointStep,
  dualMlpStep,
  dualMlpWithVjp,
  matMul,
  scope,
  splitKey,
  tensor,
  uniform,
  ValueError,
  zeros,
} from '@sparseflow/tensor';
import type { ActivationName, CreateOptions, DualLayer, Key, NeuronGroup, Params, Tensor } from '@sparseflow/tensor';
import type { Dual, Field, MovingBack } from '../field.ts';

export interface MlpOptions {
  /** Dimension of the state. */
  readonly dim: number;
  /** Widths of the hidden layers; `[64, 64, 64]` is what the paper calls 4 layers. */
  readonly hidden: readonly number[];
  /** Follows every layer but the last. */
  readonly activation: ActivationName;
}

/**
 * A multilayer perceptron that does not depend on time: the paper's field for toy data (supplement, table S1). Parameters are
 * `layers.i.weight` [out, in] and `layers.i.bias` [out], drawn uniformly from ±1/√in as PyTorch's `Linear` does.
 *
 * @throws {ValueError} for widths that are not positive integers, or an unknown activation
 *
 * @example
 * ```ts
 * import { mlp } from '@sparseflow/cnf';
 * import { key, zeros } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 *
 * const backend = createReferenceBackend();
 * const field = mlp({ dim: 2, hidden: [128], activation: 'sigmoid' });
 * const params = field.init(key(0), { backend });
 * console.log(field.apply(params, 0, zeros([5, 2], { backend })).shape); // [5, 2]
 * ```
 */
export function mlp({ dim, hidden, activation }: MlpOptions): Field {
  const widths = [dim, ...hidden, dim];
  const bad = widths.find((n) => !Number.isInteger(n) || n < 1);
  if (bad !== undefined) throw new ValueError('mlp', `a width of ${bad}`, 'give positive integers');
  if (!Object.hasOwn(activations, activation)) {
    throw new ValueError(
      'mlp',
      `unknown activation '${activation}'`,
      `use one of ${Object.keys(activations).join(', ')}`,
    );
  }
  const act = activations[activation];
  const layers = widths.slice(1).map((_, i) => i);
  const weight = (params: Params, i: number): Tensor => params[`layers.${i}.weight`]!;
  const bias = (params: Params, i: number): Tensor => params[`layers.${i}.bias`]!;
  const linear = (params: Params) => layers.map((i) => ({ weight: weight(params, i), bias: bias(params, i) }));
  const dual = (params: Params, z: Tensor, probes: Tensor): Dual => dualMlp(z, probes, linear(params), activation);
  return {
    dim,
    init: (key, options) => initLinear(key, widths, options),
    apply: (params, _t, z) =>
      scope(() => {
        // Where there is a kernel for the whole network, a dual pass without tangents is the fastest way.
        if (z.backend.fused?.['dualMlp']) return dual(params, z, zeros([0, ...z.shape], z)).value;
        return layers.reduce((h, i) => {
          const u = add(matMul(h, weight(params, i), { transposeB: true }), bias(params, i));
          return i < layers.length - 1 ? act.apply(u) : u;
        }, z);
      }),
    dual: (params, _t, z, probes) => dual(params, z, probes),
    dualVjp(params, _t, z, probes, cotangent) {
      const { cotangents, ...values } = dualMlpWithVjp(z, probes, linear(params), activation, cotangent);
      return { ...values, cotangents: { z: cotangents.x, params: named(cotangents.layers) } };
    },
    dualStep(params, state, slope, probes, options) {
      if (!probes.backend.fused?.['dualMlpStep']) return undefined;
      return dualMlpStep(state, slope, probes, linear(params), activation, options);
    },
    dualAdjointStep(params, state, slope, ofLogDet, probes, options) {
      if (!probes.backend.fused?.['dualMlpAdjointStep']) return undefined;
      const layered = ({ ofParams, ...moving }: MovingBack) => ({ ...moving, ofLayers: linear(ofParams) });
      const back = [layered(state), layered(slope), ofLogDet] as const;
      const {
        ofLayers,
        slope: last,
        ...taken
      } = dualMlpAdjointStep(...back, probes, linear(params), activation, options);
      const { ofLayers: slopes, ...moving } = last;
      return { ...taken, slope: { ...moving, ofParams: named(slopes) }, ofParams: named(ofLayers) };
    },
    neurons: hidden.map((size, i) => linearNeurons(i, size)),
    resize: (sizes) => mlp({ dim, hidden: hidden.map((size, i) => sizes[`layers.${i}`] ?? size), activation }),
    constants(params, group) {
      const i = hidden.findIndex((_, layer) => group === `layers.${layer}`);
      if (i === -1) {
        throw new ValueError('mlp', `there is no group '${group}'`, `use layers.0 to layers.${hidden.length - 1}`);
      }
      const into = [{ weight: `layers.${i + 1}.weight`, bias: `layers.${i + 1}.bias` }];
      return { value: scope(() => act.apply(bias(params, i))), into };
    },
  };
}

function named(layers: readonly DualLayer[]): Params {
  return Object.fromEntries(
    layers.flatMap(({ weight, bias }, i) => [
      [`layers.${i}.weight`, weight],
      [`layers.${i}.bias`, bias!],
    ]),
  );
}

function initLinear(key: Key, widths: readonly number[], options: CreateOptions): Params {
  const keys = splitKey(key, 2 * (widths.length - 1));
  const params: Record<string, Tensor> = {};
  widths.slice(1).forEach((out, i) => {
    const into = widths[i]!;
    const bound = 1 / Math.sqrt(into);
    const draw = (k: Key, shape: readonly number[], size: number): Tensor =>
      tensor(
        uniform(k, size).map((u) => (2 * u - 1) * bound),
        { ...options, shape },
      );
    params[`layers.${i}.weight`] = draw(keys[2 * i]!, [out, into], out * into);
    params[`layers.${i}.bias`] = draw(keys[2 * i + 1]!, [out], out);
  });
  return params;
}

function linearNeurons(i: number, size: number): NeuronGroup {
  return {
    name: `layers.${i}`,
    size,
    axes: [
      { param: `layers.${i}.weight`, axis: 0, role: 'out' },
      { param: `layers.${i}.bias`, axis: 0, role: 'bias' },
      { param: `layers.${i + 1}.weight`, axis: 1, role: 'in' },
    ],
  };
}
