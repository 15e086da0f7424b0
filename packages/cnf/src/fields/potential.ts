import {
  abs,
  add,
  affine,
  concat,
  exp,
  grad,
  log1p,
  matMul,
  mul,
  neg,
  normal,
  ones,
  reshape,
} from '@sparseflow/tensor';
import { scope, slice, splitKey, square, sum, tensor, uniform, ValueError, zeros } from '@sparseflow/tensor';
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
 * network with the activation log(eˣ + e⁻ˣ), whose derivative is tanh. Gradients are taken by differentiation, so that an exact
 * divergence costs a pass per dimension; the paper's closed form is not used.
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

  const potentialAt = (params: Params, s: Tensor): Tensor => {
    let u = antiTanh(linear(params, 0, s));
    for (let i = 1; i < layers; i++) u = add(u, mul(antiTanh(linear(params, i, u)), step));
    const bend = sum(square(matMul(s, own(params, 'quadratic'), { transposeB: true })), 1);
    const network = sum(mul(u, own(params, 'readout')), 1);
    return add(add(network, mul(bend, 0.5)), sum(mul(s, own(params, 'linear')), 1));
  };
  const inTime = (z: Tensor, t: Time): Tensor => concat([z, mul(ones([z.shape[0]!, 1], z), t)], 1);
  const gradient = (params: Params, t: Time, z: Tensor): Tensor =>
    grad((s: Tensor) => sum(potentialAt(params, s)))(inTime(z, t));

  return {
    dim,
    init: (key, options) => initPotential(key, { dim, width, layers, rank }, options),
    neurons: [],
    apply: (params, t, z) => scope(() => neg(slice(gradient(params, t, z), [0, 0], [-1, dim]))),
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
