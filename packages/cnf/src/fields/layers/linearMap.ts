import { concat, conv2d, conv2dTranspose, matMul, mul, ones, reshape, tensor, ValueError } from '@sparseflow/tensor';
import type { Shape, Tensor } from '@sparseflow/tensor';
import type { Time } from '../../field.ts';
import type { ParameterSpec } from './layer.ts';

/** 1 keeps an image's size (3 × 3 filters), 2 halves it and -2 doubles it (4 × 4 filters, the latter transposed). */
export type Stride = 1 | 2 | -2;

/** A matrix product or a convolution: what a layer does with its input before time comes in. */
export interface LinearMap {
  /** One sample of the input and of the output: [channels], or [height, width, channels]. The batch comes first. */
  readonly input: Shape;
  readonly output: Shape;
  /** Channels, the last of a shape. */
  readonly inputs: number;
  readonly outputs: number;
  /** Weights that read `inputs` channels, drawn as if they read `among` of them. */
  weight(inputs: number, among?: number): ParameterSpec & { readonly in: number };
  /** Positions at which each weight is used. */
  readonly positions: number;
  apply(h: Tensor, weight: Tensor): Tensor;
  /** The weights with every output scaled, [outputs]. */
  scaled(weight: Tensor, scale: Tensor): Tensor;
  /** Channels besides time that `background` can have: the coordinates of a pixel. */
  readonly coordinates: 0 | 2;
  /** What input channels contribute that hold the time and, if the weight reads them, row and column of each pixel. */
  background(weight: Tensor, t: Time): Tensor;
}

/** u = W h, W [out, in]. */
export function denseMap(inputs: number, outputs: number): LinearMap {
  return {
    input: [inputs],
    output: [outputs],
    inputs,
    outputs,
    weight: (n, among = n) => ({
      shape: [outputs, n],
      start: { bound: 1 / Math.sqrt(among) },
      out: 0,
      in: 1,
      role: 'out',
    }),
    positions: 1,
    apply: (h, weight) => matMul(h, weight, { transposeB: true }),
    scaled: (weight, scale) => mul(weight, reshape(scale, [outputs, 1])),
    coordinates: 0,
    background: (weight, t) => reshape(mul(weight, t), [outputs]),
  };
}

/** A convolution of images of `size`, W [k, k, in, out], or a transposed one, W [k, k, out, in]. */
export function convMap(
  [height, width]: readonly [number, number],
  inputs: number,
  outputs: number,
  stride: Stride,
): LinearMap {
  const k = stride === 1 ? 3 : 4;
  const strides = Math.abs(stride);
  const transposed = stride < 0;
  const extent = (n: number): number => (transposed ? n * 2 : Math.floor((n + 2 - k) / strides) + 1);
  const size = [extent(height), extent(width)] as const;
  if (size.some((n) => n < 1))
    throw new ValueError(
      'odeNet',
      `an image of ${height} × ${width} before a stride of ${stride}`,
      'use fewer strides',
    );
  const options = { strides, padding: 1 };
  const apply = (h: Tensor, weight: Tensor): Tensor =>
    transposed ? conv2dTranspose(h, weight, size, options) : conv2d(h, weight, options);
  return {
    input: [height, width, inputs],
    output: [...size, outputs],
    inputs,
    outputs,
    weight(n, among = n) {
      // PyTorch takes axis 1 for the fan-in, which are the outputs of a transposed convolution.
      const fan = transposed ? outputs : among;
      return {
        shape: transposed ? [k, k, outputs, n] : [k, k, n, outputs],
        start: { bound: 1 / (k * Math.sqrt(fan)) },
        out: transposed ? 2 : 3,
        in: transposed ? 3 : 2,
        role: 'out',
      };
    },
    positions: transposed ? height * width : size[0] * size[1],
    apply,
    scaled: (weight, scale) => mul(weight, transposed ? reshape(scale, [outputs, 1]) : scale),
    coordinates: 2,
    background(weight, t) {
      const { backend, dtype } = weight;
      const time = mul(ones([1, height, width, 1], { backend, dtype }), t);
      if (weight.shape[transposed ? 3 : 2] === 1) return apply(time, weight);
      const places = Float64Array.from({ length: 2 * height * width }, (_, i) =>
        i % 2 === 0 ? Math.floor(i / 2 / width) : (i >> 1) % width,
      );
      return apply(concat([time, tensor(places, { backend, dtype, shape: [1, height, width, 2] })], 3), weight);
    },
  };
}
