import { key, normal } from '@sparseflow/tensor';

/** A network whose dual pass (value and one tangent) is timed. */
export interface Case {
  readonly name: string;
  readonly sizes: readonly number[];
  readonly batch: number;
}

/** A and B are the flows of the studies gaussians and gaussians-spiral, C that of the MiniBooNE data. */
export const CASES = [
  { name: 'A', sizes: [2, 128, 2], batch: 1024 },
  { name: 'B', sizes: [2, 64, 64, 64, 2], batch: 1024 },
  { name: 'C', sizes: [43, 860, 860, 43], batch: 1000 },
] as const satisfies readonly Case[];

/** A 3×3 convolution with as many output as input channels, on square images, that keeps their size. */
export interface ConvolutionCase {
  readonly name: string;
  readonly batch: number;
  readonly size: number;
  readonly channels: number;
}

/** The inner layers of a flow of MNIST's digits, at full and at half size. */
export const CONVOLUTIONS: readonly ConvolutionCase[] = [
  { name: 'conv 28', batch: 64, size: 28, channels: 64 },
  { name: 'conv 14', batch: 64, size: 14, channels: 64 },
];

/** Numbers that every implementation gets. */
export interface Problem extends Case {
  readonly weights: readonly Float32Array[];
  readonly biases: readonly Float32Array[];
  readonly x: Float32Array;
  readonly dx: Float32Array;
  /** Cotangents of value and tangent. */
  readonly ct: Float32Array;
  readonly dct: Float32Array;
}

/** Weights of the size that training starts from, and normal inputs; the same in every run. */
export function problemOf({ name, sizes, batch }: Case): Problem {
  let seed = 0;
  const draw = (size: number, scale: number): Float32Array =>
    Float32Array.from(normal(key(seed++), size), (v) => v * scale);
  const layers = sizes.slice(1).map((out, i) => ({ into: sizes[i]!, out }));
  const ends = { into: sizes[0]!, out: sizes[sizes.length - 1]! };
  return {
    name,
    sizes,
    batch,
    weights: layers.map(({ into, out }) => draw(into * out, 1 / Math.sqrt(into))),
    biases: layers.map(({ out }) => draw(out, 0.1)),
    x: draw(batch * ends.into, 1),
    dx: draw(batch * ends.into, 1),
    ct: draw(batch * ends.out, 1),
    dct: draw(batch * ends.out, 1),
  };
}

/**
 * Multiplications and additions of the matrix products: value and tangent forward; and again, backwards, and for the weights'
 * gradient in the reverse pass, which recomputes its forward pass.
 */
export function flops({ sizes, batch }: Case, op: 'forward' | 'vjp'): number {
  const weights = sizes.slice(1).reduce((sum, out, i) => sum + out * sizes[i]!, 0);
  return (op === 'forward' ? 1 : 3) * 2 * 2 * batch * weights;
}
