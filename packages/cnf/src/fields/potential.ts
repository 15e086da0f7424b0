import {
  abs,
  add,
  affine,
  concat,
  exp,
  log1p,
  matMul,
  mul,
  neg,
  normal,
  ones,
  reshape,
  scope,
} from '@sparseflow/tensor';
import { slice, splitKey, square, sum, tanh, tensor, transpose, uniform, ValueError, zeros } from '@sparseflow/tensor';
import type { CreateOptions, Key, Params, Tensor } from '@sparseflow/tensor';
import type { Field, Time } from '../field.ts';

export interface PotentialOptions {
  readonly dim: number;
  /** Units of each layer of the residual network. */
  readonly width: number;
  /** Its layers, at least 1. Default 2. */
  readonly layers?: number;
  /** Rank of the quadratic part. Default 10, or as many as there are. */
  readonly rank?: number;
}

/** A field f = -∇Φ, with how its potential changes in time. */
export interface PotentialField extends Field {
  /** Φ(t, z) [batch]. */
  value(params: Params, t: Time, z: Tensor): Tensor;
  /** ∂Φ/∂t [batch] at a fixed place. */
  slope(params: Params, t: Time, z: Tensor): Tensor;
}

/**
 * OT-Flow's field (Onken et al. 2021, eq. 10-12): f = -∇Φ of a potential Φ(s) = w·N(s) + ½ ‖A s‖² + b·s in s = (z, t), where N is a residual
 * network with the activation log(eˣ + e⁻ˣ), whose derivative is tanh. The gradient and the exact trace are the paper's closed forms (eq. 13-16).
 *
 * @throws {ValueError} for sizes that are not positive integers
 *
 * @example
 * ```ts
 * import { potential } from '@sparseflow/cnf';
 * import { key, zeros } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 *
 * const backend = createReferenceBackend();
 * const field = potential({ dim: 2, width: 16 });
 * const params = field.init(key(0), { backend });
 * console.log(field.apply(params, 0.5, zeros([3, 2], { backend })).shape); // [3, 2]
 * ```
 */
export function potential({ dim, width, layers = 2, rank = Math.min(10, dim + 1) }: PotentialOptions): PotentialField {
  const bad = [dim, width, layers, rank].find((n) => !Number.isInteger(n) || n < 1);
  if (bad !== undefined) throw new ValueError('potential', `a size of ${bad}`, 'give positive integers');
  const own = (params: Params, name: string): Tensor => params[name]!;
  const step = layers > 1 ? 1 / (layers - 1) : 1;

  /** What the activation of each layer is applied to, and what the last puts out. */
  const network = (params: Params, s: Tensor): { pre: readonly Tensor[]; out: Tensor } => {
    const pre = [linear(params, 0, s)];
    let out = antiTanh(pre[0]!);
    for (let i = 1; i < layers; i++) {
      pre.push(linear(params, i, out));
      out = add(out, mul(antiTanh(pre[i]!), step));
    }
    return { pre, out };
  };
  const potentialAt = (params: Params, s: Tensor): Tensor => {
    const bend = sum(square(matMul(s, own(params, 'quadratic'), { transposeB: true })), 1);
    const height = sum(mul(network(params, s).out, own(params, 'readout')), 1);
    return add(add(height, mul(bend, 0.5)), sum(mul(s, own(params, 'linear')), 1));
  };
  const inTime = (z: Tensor, t: Time): Tensor => concat([z, mul(ones([z.shape[0]!, 1], z), t)], 1);

  /** ∇Φ [batch, dim + 1], with the derivative of each layer's activation, and the cotangents of each layer's output. */
  const descend = (params: Params, t: Time, z: Tensor) => {
    const s = inTime(z, t);
    const slopes = network(params, s).pre.map((u) => tanh(u));
    let cotangent = mul(ones([z.shape[0]!, width], z), own(params, 'readout'));
    const cotangents = [cotangent];
    for (let i = layers - 1; i > 0; i--) {
      cotangent = add(cotangent, mul(matMul(mul(cotangent, slopes[i]!), own(params, `layers.${i}.weight`)), step));
      cotangents.unshift(cotangent);
    }
    const ofNetwork = matMul(mul(cotangent, slopes[0]!), own(params, 'layers.0.weight'));
    const bend = matMul(matMul(s, own(params, 'quadratic'), { transposeB: true }), own(params, 'quadratic'));
    return { gradient: add(add(ofNetwork, bend), own(params, 'linear')), slopes, cotangents };
  };
  const gradient = (params: Params, t: Time, z: Tensor): Tensor => descend(params, t, z).gradient;
  const inSpace = (rows: Tensor): Tensor => slice(rows, [0, 0], [-1, dim]);

  /** The trace of Φ's Hessian in z [batch]: each layer's curvature along the tangents that reach it, and that of the quadratic part. */
  const laplacian = (params: Params, { slopes, cotangents }: ReturnType<typeof descend>): Tensor => {
    const [batch] = slopes[0]!.shape;
    // 1 - tanh², times what a change of the layer's output is worth; the layers after the first count `step` times.
    const bends = slopes.map((slope, i) => mul(affine(square(slope), -1, 1), cotangents[i]!));
    const along = (tangents: Tensor, bend: Tensor): Tensor => sum(mul(square(tangents), bend), [0, 2]);
    let arriving = reshape(transpose(inSpace(own(params, 'layers.0.weight'))), [dim, 1, width]);
    let total = along(arriving, bends[0]!);
    let tangents = mul(arriving, slopes[0]!);
    for (let i = 1; i < layers; i++) {
      const rows = reshape(tangents, [dim * batch!, width]);
      const weight = own(params, `layers.${i}.weight`);
      arriving = reshape(matMul(rows, weight, { transposeB: true }), [dim, batch!, width]);
      total = add(total, mul(along(arriving, bends[i]!), step));
      tangents = add(tangents, mul(mul(arriving, slopes[i]!), step));
    }
    return add(total, sum(square(inSpace(own(params, 'quadratic')))));
  };

  return {
    dim,
    init: (key, options) => initPotential(key, { dim, width, layers, rank }, options),
    neurons: [],
    apply: (params, t, z) => scope(() => neg(inSpace(gradient(params, t, z)))),
    withTrace: (params, t, z) =>
      scope(() => {
        const found = descend(params, t, z);
        return { value: neg(inSpace(found.gradient)), trace: neg(laplacian(params, found)) };
      }),
    value: (params, t, z) => scope(() => potentialAt(params, inTime(z, t))),
    slope: (params, t, z) => scope(() => reshape(slice(gradient(params, t, z), [0, dim], [-1, 1]), [z.shape[0]!])),
  };
}

function linear(params: Params, i: number, h: Tensor): Tensor {
  return add(matMul(h, params[`layers.${i}.weight`]!, { transposeB: true }), params[`layers.${i}.bias`]!);
}

/** log(eˣ + e⁻ˣ) without overflow. */
function antiTanh(x: Tensor): Tensor {
  const size = abs(x);
  return add(size, log1p(exp(affine(size, -2))));
}

function initPotential(
  key: Key,
  { dim, width, layers, rank }: Required<PotentialOptions>,
  options: CreateOptions,
): Params {
  const inputs = dim + 1;
  const keys = splitKey(key, 2 * layers + 1);
  const params: Record<string, Tensor> = {};
  for (let i = 0; i < layers; i++) {
    const into = i === 0 ? inputs : width;
    const draw = (k: Key, shape: readonly number[]): Tensor =>
      tensor(
        uniform(
          k,
          shape.reduce((n, m) => n * m, 1),
        ).map((v) => (2 * v - 1) / Math.sqrt(into)),
        { ...options, shape },
      );
    params[`layers.${i}.weight`] = draw(keys[2 * i]!, [width, into]);
    params[`layers.${i}.bias`] = draw(keys[2 * i + 1]!, [width]);
  }
  // Xavier's deviation for the quadratic part.
  const deviation = Math.sqrt(2 / (rank + inputs));
  const quadratic = normal(keys[2 * layers]!, rank * inputs).map((v) => v * deviation);
  return {
    ...params,
    readout: ones([width], options),
    quadratic: tensor(quadratic, { ...options, shape: [rank, inputs] }),
    linear: zeros([inputs], options),
  };
}
