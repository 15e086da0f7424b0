import {
  abs,
  activations,
  add,
  broadcastTo,
  concat,
  copy,
  dualMlp,
  fold,
  mul,
  normal,
  pad,
  reshape,
} from '@sparseflow/tensor';
import { scope, ShapeError, splitKey, tensor, uniform, ValueError, zerosLike } from '@sparseflow/tensor';
import type { ActivationName, CreateOptions, Key, NeuronAxis, NeuronGroup, Params, Tensor } from '@sparseflow/tensor';
import type { Dual, Field, Time } from '../field.ts';
import { layerKinds, type LayerName } from './layers/index.ts';
import type { LayerAt, LayerParams, ParameterSpec } from './layers/layer.ts';
import { convMap, denseMap, type LinearMap, type Stride } from './layers/linearMap.ts';

export interface OdeNetOptions {
  /** Dimension of the state; or [height, width, channels] of images, which the field takes and gives flattened, [batch, h · w · c]. */
  readonly shape: number | readonly [height: number, width: number, channels: number];
  /** Widths, or channels, of the hidden layers. */
  readonly hidden: readonly number[];
  /** How layers depend on time. */
  readonly layer: LayerName;
  /** Follows every layer but the last. */
  readonly activation: ActivationName;
  /** Of each convolution, the last one too. Default all 1. */
  readonly strides?: readonly Stride[];
  /** Width of a context [batch, width] that the first layer reads beside the state. Default none. */
  readonly context?: number;
}

/**
 * FFJORD's network (Grathwohl et al. 2019, `ODEnet` of its published code): layers that depend on time, dense or convolutional.
 * Parameters are `layers.i.` and the names in the file of the layer, such as `layers.0.weight` and `layers.0.gate.bias`; weights are
 * [out, in] or, of convolutions, [k, k, in, out]. Dense nets run as one fused operation.
 *
 * Weights have rank 2 and more and can be pruned one by one; biases, gates and shifts have rank 1 and cannot.
 *
 * @throws {ValueError} for widths that are not positive integers, unknown names, or strides that do not lead back to the image's size
 *
 * @example
 * ```ts
 * import { odeNet } from '@sparseflow/cnf';
 * import { key, zeros } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 *
 * const backend = createReferenceBackend();
 * const tabular = odeNet({ shape: 6, hidden: [60, 60, 60], layer: 'concatsquash', activation: 'tanh' });
 * const images = odeNet({ shape: [8, 8, 3], hidden: [16, 16], layer: 'concat', activation: 'softplus', strides: [1, 2, -2] });
 * const params = images.init(key(0), { backend });
 * console.log(tabular.dim, images.dim, images.apply(params, 0.5, zeros([2, 192], { backend })).shape); // 6, 192, [2, 192]
 * ```
 */
export function odeNet(options: OdeNetOptions): Field {
  const { hidden, layer, activation, context = 0 } = options;
  checkNames(layer, activation);
  const maps = mapsOf(options);
  const kind = layerKinds[layer];
  const act = activations[activation];
  const specs = maps.map((map) => kind.parameters(map));
  const state = maps.at(-1)!.output;
  const dim = state.reduce((n, m) => n * m, 1);
  const dense = state.length === 1;
  const paramsOf =
    (params: Params, i: number): LayerParams =>
    (name) =>
      params[`layers.${i}.${name}`]!;
  const layersAt = (params: Params, t: Time): LayerAt[] => maps.map((map, i) => kind.at(paramsOf(params, i), t, map));

  /** The input of the first layer: the state, and the context at every place. */
  const inputOf = (z: Tensor, c: Tensor | undefined): Tensor => {
    const h = reshape(z, [z.shape[0]!, ...state]);
    if (context === 0) return h;
    if (c?.rank !== 2 || c.shape[0] !== z.shape[0] || c.shape[1] !== context) {
      const given = c ? `a context of shape [${c.shape}]` : 'no context';
      throw new ShapeError('odeNet', given, `give [${z.shape[0]}, ${context}], a row for each of the state's`);
    }
    const wide = reshape(c, [c.shape[0]!, ...state.slice(1).map(() => 1), context]);
    return concat([h, broadcastTo(wide, [...h.shape.slice(0, -1), context])], -1);
  };
  /** Its tangents: none of the context. */
  const tangentsOf = (probes: Tensor): Tensor => {
    const dh = reshape(probes, [probes.shape[0]! * probes.shape[1]!, ...state]);
    return context === 0
      ? dh
      : pad(
          dh,
          dh.shape.map((_, i) => [0, i === state.length ? context : 0] as const),
        );
  };

  const convolutions = (params: Params, t: Time, z: Tensor, c: Tensor | undefined, probes?: Tensor): Dual => {
    const [batch, count] = [z.shape[0]!, probes?.shape[0] ?? 0];
    let h = inputOf(z, c);
    let dh = probes && tangentsOf(probes);
    layersAt(params, t).forEach((at, i) => {
      const map = maps[i]!;
      const u = affineIn(h, at, map);
      const last = i === maps.length - 1;
      h = last ? u : act.apply(u);
      if (!dh) return;
      const du = map.apply(dh, at.weight);
      const scaled = at.scale ? mul(du, at.scale) : du;
      dh = last
        ? scaled
        : reshape(mul(reshape(scaled, [count, batch, ...map.output]), act.derivative(u, h)), [
            count * batch,
            ...map.output,
          ]);
    });
    return { value: reshape(h, z.shape), tangent: dh && probes ? reshape(dh, probes.shape) : h };
  };

  return {
    dim,
    init: (key, create) => initLayers(key, specs, create),
    ...(context > 0 && { context }),
    apply: (params, t, z, c) =>
      scope(() => {
        if (!dense) return convolutions(params, t, z, c).value;
        return layersAt(params, t).reduce(
          (h, at, i) => {
            const u = affineIn(h, at, maps[i]!);
            return i < maps.length - 1 ? act.apply(u) : u;
          },
          inputOf(z, c),
        );
      }),
    dual: (params, t, z, probes, c) =>
      scope(() => {
        if (!dense) return convolutions(params, t, z, c, probes);
        const tangents = context === 0 ? probes : reshape(tangentsOf(probes), [...probes.shape.slice(0, 2), -1]);
        return dualMlp(inputOf(z, c), tangents, layersAt(params, t), activation);
      }),
    neurons: hidden.map((size, i) => unitsOf(i, size, specs[i]!, specs[i + 1]!)),
    positions: positionsOf(maps, specs),
    constants(params, group) {
      const i = hidden.findIndex((_, at) => group === `layers.${at}`);
      if (i < 0) {
        throw new ValueError('odeNet', `there is no group '${group}'`, `use layers.0 to layers.${hidden.length - 1}`);
      }
      const readers = kind.readers ?? [{ weight: 'weight', bias: 'bias' }];
      const next = `layers.${i + 1}.`;
      const constants = scope(() => {
        const p = paramsOf(params, i);
        // Of a unit that no weight leads to, the weights of time included, this is all.
        const { bias, scale, shift } = kind.at(p, 0, maps[i]!);
        const u = scale ? mul(bias, scale) : bias;
        const value = copy(act.apply(shift?.rank === 1 ? add(u, shift) : u));
        const drift = kind.drift ? abs(kind.drift(p)) : zerosLike(value);
        // A convolution sees less of a constant at the border, but nothing of zero anywhere.
        return { value, varies: dense ? drift : add(drift, abs(value)) };
      });
      const into = readers.map(({ weight, bias }) => ({ weight: next + weight, bias: next + bias }));
      return { ...constants, into: dense ? into : [] };
    },
    resize: (sizes) => odeNet({ ...options, hidden: hidden.map((size, i) => sizes[`layers.${i}`] ?? size) }),
  };
}

function affineIn(h: Tensor, { weight, bias, scale, shift }: LayerAt, map: LinearMap): Tensor {
  const u = add(map.apply(h, weight), bias);
  const scaled = scale ? mul(u, scale) : u;
  return shift ? add(scaled, shift) : scaled;
}

function mapsOf({ shape, hidden, strides, context = 0 }: OdeNetOptions): LinearMap[] {
  const sides = typeof shape === 'number' ? [shape] : shape;
  const channels = sides.at(-1)!;
  const widths = [channels + context, ...hidden, channels];
  const bad = [...sides, ...hidden, context + 1].find((n) => !Number.isInteger(n) || n < 1);
  if (bad !== undefined) throw new ValueError('odeNet', `a width of ${bad}`, 'give positive integers');
  if (typeof shape === 'number') {
    if (strides)
      throw new ValueError('odeNet', 'strides of a dense net', 'leave them out, or give the shape of images');
    return hidden.map((out, i) => denseMap(widths[i]!, out)).concat(denseMap(widths.at(-2)!, channels));
  }
  const steps = strides ?? widths.slice(1).map((): Stride => 1);
  if (steps.length !== hidden.length + 1 || steps.some((s) => ![1, 2, -2].includes(s))) {
    throw new ValueError('odeNet', `strides ${steps.join(', ')}`, `give ${hidden.length + 1} of 1, 2 and -2`);
  }
  let size = [shape[0], shape[1]] as const;
  const maps = steps.map((stride, i) => {
    const map = convMap(size, widths[i]!, widths[i + 1]!, stride);
    size = [map.output[0]!, map.output[1]!];
    return map;
  });
  if (size[0] !== shape[0] || size[1] !== shape[1]) {
    throw new ValueError(
      'odeNet',
      `strides ${steps.join(', ')} lead from ${shape[0]} × ${shape[1]} to ${size[0]} × ${size[1]}`,
      'choose strides that lead back to the size of the image',
    );
  }
  return maps;
}

function checkNames(layer: string, activation: string): void {
  for (const [what, name, table] of [
    ['layer', layer, layerKinds],
    ['activation', activation, activations],
  ] as const) {
    if (!Object.hasOwn(table, name))
      throw new ValueError('odeNet', `unknown ${what} '${name}'`, `use one of ${Object.keys(table).join(', ')}`);
  }
}

type Specs = Readonly<Record<string, ParameterSpec>>;

function initLayers(key: Key, specs: readonly Specs[], options: CreateOptions): Params {
  const keys = splitKey(key, specs.length);
  const draw = ({ shape, start }: ParameterSpec, k: Key): Tensor => {
    const size = shape.reduce((n, m) => n * m, 1);
    const values =
      'bound' in start
        ? uniform(k, size).map((u) => (2 * u - 1) * start.bound)
        : normal(k, size).map((u) => u * start.deviation);
    return tensor(values, { ...options, shape });
  };
  return Object.fromEntries(
    specs.flatMap((layer, i) =>
      Object.entries(layer).map(([name, spec], j) => [`layers.${i}.${name}`, draw(spec, fold(keys[i]!, j))] as const),
    ),
  );
}

/** The units between layer i and the next. */
function unitsOf(i: number, size: number, own: Specs, next: Specs): NeuronGroup {
  const computed = Object.entries(own).flatMap(([name, { out, role }]): NeuronAxis[] =>
    out === undefined ? [] : [{ param: `layers.${i}.${name}`, axis: out, role }],
  );
  const read = Object.entries(next).flatMap(([name, spec]): NeuronAxis[] =>
    spec.in === undefined ? [] : [{ param: `layers.${i + 1}.${name}`, axis: spec.in, role: 'in' }],
  );
  return { name: `layers.${i}`, size, axes: [...computed, ...read] };
}

function positionsOf(maps: readonly LinearMap[], specs: readonly Specs[]): Record<string, number> {
  return Object.fromEntries(
    maps.flatMap(({ positions }, i) =>
      Object.keys(specs[i]!).map((name) => [`layers.${i}.${name}`, positions] as const),
    ),
  );
}
