import { readFileSync } from 'node:fs';
import { reshape, slice, tensor, transpose } from '@sparseflow/tensor';
import type { ActivationName, Backend, NestedNumbers, Params, Tensor } from '@sparseflow/tensor';
import type { LayerName } from '../src/fields/layers/index.ts';

/** A layer or a net evaluated by FFJORD's published code in float64; gradients are those of Σ y · cot. */
export interface FfjordCase {
  readonly layer: string;
  readonly kwargs: {
    readonly dim_in: number;
    readonly dim_out: number;
    readonly ksize?: number;
    readonly stride?: number;
    readonly transpose?: boolean;
    readonly hidden_dims?: number[];
    readonly layer_type?: LayerName;
    readonly nonlinearity?: ActivationName;
  };
  readonly t: number;
  readonly x: NestedNumbers;
  readonly params: Record<string, NestedNumbers>;
  readonly y: NestedNumbers;
  readonly cot: NestedNumbers;
  readonly grad_x: NestedNumbers;
  readonly grad_t: number | null;
  readonly param_grads: Record<string, NestedNumbers>;
}

export const ffjordCases = (
  JSON.parse(readFileSync(new URL('./fixtures/ffjord-layers.json', import.meta.url), 'utf8')) as {
    cases: FfjordCase[];
  }
).cases;

const layerNames: Record<string, LayerName> = {
  Ignore: 'ignore',
  Concat: 'concat',
  Squash: 'squash',
  ConcatSquash: 'concatsquash',
  Hyper: 'hyper',
  Blend: 'blend',
  ConcatCoord: 'concatcoord',
};

/** `ConcatConv2d_v2` is 'concat_v2'. */
export function layerNameOf({ layer, kwargs }: FfjordCase): LayerName {
  if (kwargs.layer_type) return kwargs.layer_type;
  const stem = layer.replace(/(Linear|Conv2d)(_v2)?$/, '');
  return layer.endsWith('_v2') ? 'concat_v2' : layerNames[stem]!;
}

export const leaf = (values: NestedNumbers, backend: Backend): Tensor => tensor(values, { backend });
export const toNhwc = (x: Tensor): Tensor => (x.rank === 4 ? transpose(x, [0, 2, 3, 1]) : x);

/** Filters [out, in, k, k], or [in, out, k, k] of transposed ones, become [k, k, in, out] or [k, k, out, in]. */
const filter = (w: Tensor): Tensor => (w.rank === 4 ? transpose(w, [2, 3, 1, 0]) : w);
const flat = (w: Tensor): Tensor => reshape(w, [-1]);

/** The original's parameters of one layer under our names and layouts, by differentiable operations. */
export function ownParams(kind: LayerName, given: Params, transposed: boolean): Params {
  const gate = { 'gate.weight': '_hyper_gate.weight', 'gate.bias': '_hyper_gate.bias' };
  const names: Partial<Record<LayerName, Record<string, string>>> = {
    concat_v2: { 'shift.weight': '_hyper_bias.weight' },
    squash: { 'gate.weight': '_hyper.weight', 'gate.bias': '_hyper.bias' },
    concatsquash: { ...gate, 'shift.weight': '_hyper_bias.weight' },
  };
  if (kind === 'blend') {
    return {
      'start.weight': filter(given['_layer0.weight']!),
      'start.bias': given['_layer0.bias']!,
      'end.weight': filter(given['_layer1.weight']!),
      'end.bias': given['_layer1.bias']!,
    };
  }
  const own: Record<string, Tensor> = { bias: given['_layer.bias']! };
  for (const [name, original] of Object.entries(names[kind] ?? {})) own[name] = flat(given[original]!);
  const w = given['_layer.weight']!;
  if (kind !== 'concat' && kind !== 'concatcoord') return { ...own, weight: filter(w) };
  const axis = transposed ? 0 : 1;
  const part = (from: number, count: number): Tensor =>
    slice(
      w,
      w.shape.map((_, i) => (i === axis ? from : 0)),
      w.shape.map((n, i) => (i === axis ? count : n)),
    );
  const inputs = w.shape[axis]!;
  // Time comes first in concat, and after the channels in concatcoord, there before row and column.
  const extra = kind === 'concat' ? 1 : 3;
  const [time, weight] =
    kind === 'concat' ? [part(0, 1), part(1, inputs - 1)] : [part(inputs - extra, extra), part(0, inputs - extra)];
  return { ...own, time: filter(time), weight: filter(weight) };
}

/** Hyper-networks make weights and biases in one vector. That of a convolution takes the bias from where the weights begin. */
export function ownHyperParams(given: Params, weightShape: readonly number[], outputs: number): Params {
  const size = weightShape.reduce((n, m) => n * m, 1);
  const conv = weightShape.length === 4;
  const made = (all: Tensor): { weight: Tensor; bias: Tensor } => {
    const [at, inner] = [conv ? 0 : outputs, all.shape.slice(1)];
    const rows = slice(all, [at, ...inner.map(() => 0)], [size, ...inner]);
    return {
      weight: conv ? filter(reshape(rows, weightShape)) : reshape(rows, [...weightShape, ...inner]),
      bias: slice(
        all,
        all.shape.map(() => 0),
        [outputs, ...inner],
      ),
    };
  };
  const last = conv ? '_hypernet' : '_hypernet.2';
  const slope = made(conv ? flat(given[`${last}.weight`]!) : given[`${last}.weight`]!);
  const level = made(given[`${last}.bias`]!);
  return {
    ...(!conv && { 'hidden.weight': flat(given['_hypernet.0.weight']!), 'hidden.bias': given['_hypernet.0.bias']! }),
    'weight.slope': slope.weight,
    'weight.level': level.weight,
    'bias.slope': slope.bias,
    'bias.level': level.bias,
  };
}
