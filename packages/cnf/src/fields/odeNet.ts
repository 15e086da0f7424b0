import {
  abs,
  activations,
  add,
  copy,
  dualMlpWithVjp,
  fold,
  mul,
  normal,
  reshape,
  scope,
  splitKey,
  tensor,
} from '@sparseflow/tensor';
import { uniform, ValueError, zerosLike } from '@sparseflow/tensor';
import type { CreateOptions, Key, NeuronAxis, NeuronGroup, Params, Tensor } from '@sparseflow/tensor';
import type { Field, UnitConstants } from '../field.ts';
import { layerKinds } from './layers/index.ts';
import type { ParameterSpec } from './layers/layer.ts';
import type { LinearMap } from './layers/linearMap.ts';
import { networkOf, type Network, type OdeNetOptions } from './layers/network.ts';
import { timed } from './layers/timed.ts';

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
  const net = networkOf(options);
  const { derived = false } = layerKinds[layer];
  const { maps, specs, dim } = net;
  return {
    dim,
    ...(context > 0 && { context }),
    init: (key, create) => initLayers(key, specs, create),
    apply: (params, t, z, c) =>
      scope(() => reshape(net.run(net.layersAt(params, t), 0, maps.length, net.enter(z, c)).h, z.shape)),
    dual: (params, t, z, probes, c) =>
      scope(() => {
        const { h, dh } = net.run(net.layersAt(params, t), 0, maps.length, net.enter(z, c, probes));
        return { value: reshape(h, z.shape), tangent: reshape(dh!, probes.shape) };
      }),
    ...(!derived &&
      context === 0 &&
      net.state.length === 1 && {
        dualVjp: (params, t, z, probes, cotangent) =>
          scope(() => {
            const { layers, pullback } = timed(net, layerKinds[layer], params, t);
            const { cotangents, ...values } = dualMlpWithVjp(z, probes, layers, activation, cotangent);
            return { ...values, cotangents: { z: cotangents.x, ...pullback(cotangents.layers) } };
          }),
      }),
    neurons: hidden.map((size, i) => unitsOf(i, size, specs[i]!, specs[i + 1]!)),
    positions: positionsOf(maps, specs),
    constants: (params, group) => constantsOf(net, options, params, group),
    resize: (sizes) => odeNet(resized(options, sizes)),
  };
}

/** The same options with other widths, by group. */
export function resized(options: OdeNetOptions, sizes: Readonly<Record<string, number>>): OdeNetOptions {
  return { ...options, hidden: options.hidden.map((size, i) => sizes[`layers.${i}`] ?? size) };
}

function constantsOf(net: Network, options: OdeNetOptions, params: Params, group: string): UnitConstants {
  const { hidden, layer, activation } = options;
  const i = hidden.findIndex((_, at) => group === `layers.${at}`);
  if (i < 0) {
    throw new ValueError('odeNet', `there is no group '${group}'`, `use layers.0 to layers.${hidden.length - 1}`);
  }
  const kind = layerKinds[layer];
  const dense = net.state.length === 1;
  const constants = scope(() => {
    const p = net.paramsOf(params, i);
    // Of a unit that no weight leads to, the weights of time included, this is all.
    const { bias, scale, shift } = kind.at(p, 0, net.maps[i]!);
    const u = scale ? mul(bias, scale) : bias;
    const value = copy(activations[activation].apply(shift?.rank === 1 ? add(u, shift) : u));
    const drift = kind.drift ? abs(kind.drift(p)) : zerosLike(value);
    // A convolution sees less of a constant at the border, but nothing of zero anywhere.
    return { value, varies: dense ? drift : add(drift, abs(value)) };
  });
  const next = `layers.${i + 1}.`;
  const readers = dense ? (kind.readers ?? [{ weight: 'weight', bias: 'bias' }]) : [];
  return { ...constants, into: readers.map(({ weight, bias }) => ({ weight: next + weight, bias: next + bias })) };
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
