import type { ConvSpec } from '../backend.ts';
import { allocate } from '../dtype.ts';
import type { DType, TypedArray } from '../dtype.ts';
import type { Shape } from '../shape.ts';
import type { Dense } from './runs.ts';

/**
 * Visits every (input pixel, filter tap, output pixel) triple of a cross-correlation whose input pixel lies inside the input, with
 * the offsets of their channel vectors. All three kernels are sums over the same triples.
 */
function forEachTap(
  input: Shape,
  filter: Shape,
  output: Shape,
  spec: ConvSpec,
  visit: (inputAt: number, filterAt: number, outputAt: number) => void,
): void {
  const [batch, height, width, channels] = input as [number, number, number, number];
  const [kernelHeight, kernelWidth, , outChannels] = filter as [number, number, number, number];
  const [, outHeight, outWidth] = output as [number, number, number, number];
  const [strideY, strideX] = spec.strides;
  const [[top], [left]] = spec.padding;
  for (let n = 0; n < batch; n++) {
    for (let oy = 0; oy < outHeight; oy++) {
      for (let ox = 0; ox < outWidth; ox++) {
        const outputAt = ((n * outHeight + oy) * outWidth + ox) * outChannels;
        for (let ky = 0; ky < kernelHeight; ky++) {
          const y = oy * strideY - top + ky;
          if (y < 0 || y >= height) continue;
          for (let kx = 0; kx < kernelWidth; kx++) {
            const x = ox * strideX - left + kx;
            if (x < 0 || x >= width) continue;
            const inputAt = ((n * height + y) * width + x) * channels;
            visit(inputAt, (ky * kernelWidth + kx) * channels * outChannels, outputAt);
          }
        }
      }
    }
  }
}

/** Rounds sums that were accumulated in double precision to the element type of the result. */
function store(sums: Float64Array, dtype: DType): TypedArray {
  if (dtype === 'float64') return sums;
  const out = allocate(dtype, sums.length);
  out.set(sums);
  return out;
}

const sumsFor = (shape: Shape): Float64Array => new Float64Array(shape.reduce((size, n) => size * n, 1));

/** y[n, oy, ox, o] = Σ x[n, oy·sy − top + ky, ox·sx − left + kx, c] · w[ky, kx, c, o]. Padding contributes nothing. */
export function conv2d(input: Dense, filter: Dense, spec: ConvSpec, outShape: Shape): TypedArray {
  const [x, w, y] = [input.values, filter.values, sumsFor(outShape)];
  const [, , channels, outChannels] = filter.shape as [number, number, number, number];
  forEachTap(input.shape, filter.shape, outShape, spec, (inputAt, filterAt, outputAt) => {
    for (let c = 0, wAt = filterAt; c < channels; c++) {
      const xc = x[inputAt + c]!;
      for (let o = 0; o < outChannels; o++) y[outputAt + o]! += xc * w[wAt++]!;
    }
  });
  return store(y, input.dtype);
}

/** The adjoint of {@link conv2d} in its input. */
export function conv2dInput(dy: Dense, filter: Dense, spec: ConvSpec, inputShape: Shape): TypedArray {
  const [y, w, dx] = [dy.values, filter.values, sumsFor(inputShape)];
  const [, , channels, outChannels] = filter.shape as [number, number, number, number];
  forEachTap(inputShape, filter.shape, dy.shape, spec, (inputAt, filterAt, outputAt) => {
    for (let c = 0, wAt = filterAt; c < channels; c++) {
      let sum = 0;
      for (let o = 0; o < outChannels; o++) sum += y[outputAt + o]! * w[wAt++]!;
      dx[inputAt + c]! += sum;
    }
  });
  return store(dx, dy.dtype);
}

/** The adjoint of {@link conv2d} in its filter. */
export function conv2dFilter(input: Dense, dy: Dense, spec: ConvSpec, filterShape: Shape): TypedArray {
  const [x, y, dw] = [input.values, dy.values, sumsFor(filterShape)];
  const [, , channels, outChannels] = filterShape as [number, number, number, number];
  forEachTap(input.shape, filterShape, dy.shape, spec, (inputAt, filterAt, outputAt) => {
    for (let c = 0, wAt = filterAt; c < channels; c++) {
      const xc = x[inputAt + c]!;
      for (let o = 0; o < outChannels; o++) dw[wAt++]! += xc * y[outputAt + o]!;
    }
  });
  return store(dw, input.dtype);
}
