import {
  activations,
  add,
  broadcastTo,
  concat,
  dualMlp,
  mul,
  pad,
  reshape,
  ShapeError,
  zeros,
} from '@sparseflow/tensor';
import { ValueError } from '@sparseflow/tensor';
import type { ActivationName, Params, Tensor } from '@sparseflow/tensor';
import type { Time } from '../../field.ts';
import { layerKinds, type LayerName } from './index.ts';
import type { LayerAt, LayerParams, ParameterSpec } from './layer.ts';
import { convMap, denseMap, type LinearMap, type Stride } from './linearMap.ts';

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

/** Values [batch, …] at some layer of a network, with their tangents [count, batch, …]. */
export interface Traced {
  readonly h: Tensor;
  readonly dh?: Tensor | undefined;
}

/** Layers one after another, of which any stretch can be run with its tangents. */
export interface Network {
  readonly maps: readonly LinearMap[];
  readonly specs: readonly Readonly<Record<string, ParameterSpec>>[];
  /** The shape of one state, and its size. */
  readonly state: readonly number[];
  readonly dim: number;
  paramsOf(params: Params, layer: number): LayerParams;
  layersAt(params: Params, t: Time): readonly LayerAt[];
  /** What the first layer reads: the state and, at every place, the context, which has no tangents. */
  enter(z: Tensor, context: Tensor | undefined, probes?: Tensor): Traced;
  /** Through layers `from` up to, not including, `to`, with activations between them but not after the last. */
  run(layers: readonly LayerAt[], from: number, to: number, input: Traced): Traced;
  /** The activation, as it stands between stretches. */
  activate(u: Traced): Traced;
}

/** The network of these options. @throws {ValueError} as `odeNet` */
export function networkOf(options: OdeNetOptions): Network {
  const { layer, activation, context = 0 } = options;
  checkNames(layer, activation);
  const maps = mapsOf(options);
  const kind = layerKinds[layer];
  const act = activations[activation];
  const state = maps.at(-1)!.output;
  const dense = state.length === 1;
  const paramsOf =
    (params: Params, i: number): LayerParams =>
    (name) =>
      params[`layers.${i}.${name}`]!;

  const activate = ({ h: u, dh: du }: Traced): Traced => {
    const h = act.apply(u);
    if (!du) return { h };
    const derivative = act.derivative(u, h);
    // Equal shapes are cheaper to multiply than broadcast ones.
    return { h, dh: mul(du, du.size === u.size ? reshape(derivative, du.shape) : derivative) };
  };
  /** u = (W h + b) · s + c as (s W) h + (s b + c): weights and offsets are smaller than what they are applied to. */
  const step = ({ weight, bias, scale, shift }: LayerAt, map: LinearMap, { h, dh }: Traced): Traced => {
    const scaled = scale ? map.scaled(weight, scale) : weight;
    const level = scale ? mul(bias, scale) : bias;
    const u = addOffset(map.apply(h, scaled), shift ? add(level, shift) : level);
    return { h: u, dh: dh && slope(scaled, map, dh) };
  };
  /** All tangents are one batch to a convolution. */
  const slope = (weight: Tensor, map: LinearMap, dh: Tensor): Tensor => {
    const [count, batch] = dh.shape;
    const rows = map.apply(reshape(dh, [count! * batch!, ...map.input]), weight);
    return reshape(rows, [count!, batch!, ...map.output]);
  };

  return {
    maps,
    specs: maps.map((map) => kind.parameters(map)),
    state,
    dim: state.reduce((n, m) => n * m, 1),
    paramsOf,
    layersAt: (params, t) => maps.map((map, i) => kind.at(paramsOf(params, i), t, map)),
    activate,
    enter(z, c, probes) {
      const h = reshape(z, [z.shape[0]!, ...state]);
      const dh = probes && reshape(probes, [...probes.shape.slice(0, 2), ...state]);
      if (context === 0) return { h, dh };
      if (c?.rank !== 2 || c.shape[0] !== z.shape[0] || c.shape[1] !== context) {
        const given = c ? `a context of shape [${c.shape}]` : 'no context';
        throw new ShapeError('odeNet', given, `give [${z.shape[0]}, ${context}], a row for each of the state's`);
      }
      const wide = reshape(c, [c.shape[0]!, ...state.slice(1).map(() => 1), context]);
      const beside = broadcastTo(wide, [...h.shape.slice(0, -1), context]);
      const still = dh?.shape.map((_, i) => [0, i === dh.rank - 1 ? context : 0] as const);
      return { h: concat([h, beside], -1), dh: dh && pad(dh, still!) };
    },
    run(layers, from, to, input) {
      const stretch = layers.slice(from, to);
      if (dense) {
        // Where there is a kernel for the whole network, a dual pass without tangents is the fastest way.
        const { h } = input;
        const dh = input.dh ?? (h.backend.fused?.['dualMlp'] ? zeros([0, ...h.shape], h) : undefined);
        if (dh) {
          const { value, tangent } = dualMlp(h, dh, stretch, activation);
          return { h: value, dh: input.dh && tangent };
        }
      }
      return stretch.reduce((at, each, i) => step(each, maps[from + i]!, i === 0 ? at : activate(at)), input);
    },
  };
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

/** Adds a value per channel, or a map of them: as rows, which is the faster way to repeat it. */
function addOffset(u: Tensor, offset: Tensor): Tensor {
  if (offset.rank === 1) return add(u, offset);
  return reshape(add(reshape(u, [u.shape[0]!, -1]), reshape(offset, [-1])), u.shape);
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
