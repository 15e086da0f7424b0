// Ten thousand random problems against the reference in float64, dealt to the machines: small ones, where a tail, an empty axis or a
// missing operand is all there is.
import {
  activations,
  dualMlp,
  key,
  matMul,
  normal,
  scope,
  tensor,
  vjp,
  type ActivationName,
  type Backend,
  type ConvSpec,
  type DType,
  type Operand,
  type Shape,
  type Tensor,
} from '@sparseflow/tensor';
import { createReferenceBackend } from '@sparseflow/tensor/reference';
import { describe, expect, it } from 'vitest';
import { machines } from './available.ts';
import { drawNetwork, largestOf, layersOf } from './dualNetwork.ts';

const reference = createReferenceBackend();
const EACH = Math.ceil(10_000 / machines.length / 4);

/** Whole numbers from low to high. */
type Pick = (low: number, high: number) => number;

function pickFrom(seed: number): Pick {
  let state = (Math.imul(seed, 2654435761) + 12345) >>> 0;
  return (low, high) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return low + Math.floor(((high - low + 1) * state) / 2 ** 32);
  };
}

const sizeOf = (shape: Shape): number => shape.reduce((a, b) => a * b, 1);
const values = (seed: number, size: number, spread = 1): Float32Array =>
  Float32Array.from(normal(key(seed), size), (v) => v * spread);

/** Results by name; those that are sums of the same kind belong to one group, the part of the name before a space. */
type Results = Readonly<Record<string, ArrayLike<number>>>;

/** The same problem on a backend in a precision. */
type Problem = (backend: Backend, dtype: DType) => Results;

/**
 * The largest error, relative to the largest entry of the result's group: what one entry cancels down to says nothing about the size of
 * its terms.
 */
function worstError(actual: Results, expected: Results): number {
  const group = (name: string): string => name.split(' ')[0]!;
  const largest: Record<string, number> = {};
  for (const [name, e] of Object.entries(expected))
    largest[group(name)] = Math.max(largest[group(name)] ?? 0, largestOf(e));
  let worst = 0;
  for (const [name, e] of Object.entries(expected)) {
    const a = actual[name]!;
    if (a.length !== e.length) return Infinity;
    const unit = Math.max(largest[group(name)]!, LEAST);
    for (let i = 0; i < e.length; i++) {
      const error = a[i] === e[i] ? 0 : Math.abs(a[i]! - e[i]!) / unit;
      worst = Number.isNaN(error) ? Infinity : Math.max(worst, error);
    }
  }
  return worst;
}

/** Where a whole group is small, its terms, which are of order one, need not be. */
const LEAST = 0.05;

function dualPass(pick: Pick, seed: number): Problem {
  const activation = Object.keys(activations)[pick(0, 6)] as ActivationName;
  const sizes = Array.from({ length: pick(2, 4) }, () => pick(1, 20));
  const [batch, count, out] = [pick(0, 40), pick(0, 3), sizes.at(-1)!];
  const [bias, scale, shift] = [pick(0, 1) === 1, pick(0, 1) === 1, pick(0, 1) === 1];
  const network = { batch, count, sizes, activation, bias, scale, shift };
  return (backend, dtype) => {
    let next = 100 * seed;
    const draw = (_name: string, spread: number, ...shape: number[]): Tensor =>
      tensor(values(next++, sizeOf(shape), spread), { backend, shape, dtype });
    const { value, pullback } = vjp(
      (t: Record<string, Tensor>) => dualMlp(t['x']!, t['dx']!, layersOf(network, t), activation),
      drawNetwork(network, draw),
    );
    const cotangents = pullback({ value: draw('ct', 1, batch, out), tangent: draw('dct', 1, count, batch, out) });
    const named = (group: string, tensors: Readonly<Record<string, Tensor>>): Results =>
      Object.fromEntries(Object.entries(tensors).map(([name, t]) => [`${group} ${name}`, t.dataSync()]));
    const { x, dx, ...params } = cotangents;
    return { ...named('outputs', value), ...named('inputs', { x: x!, dx: dx! }), ...named('parameters', params) };
  };
}

function convolution(pick: Pick, seed: number): Problem {
  const [n, channels, outputs] = [pick(0, 3), pick(1, 6), pick(1, 6)];
  const kernel = [pick(1, 4), pick(1, 4)] as const;
  const spec: ConvSpec = {
    strides: [pick(1, 3), pick(1, 3)],
    padding: [
      [pick(0, 3), pick(0, 3)],
      [pick(0, 3), pick(0, 3)],
    ],
  };
  const size = kernel.map((k) => k + pick(0, 9));
  const shrunk = size.map((s, i) => {
    const [before, after] = spec.padding[i]!;
    return Math.floor((s + before + after - kernel[i]!) / spec.strides[i]!) + 1;
  });
  const shapes = [
    [n, ...size, channels],
    [...kernel, channels, outputs],
    [n, ...shrunk, outputs],
  ] as const;
  return (backend, dtype) => {
    const [x, w, dy] = shapes.map((shape, i): Operand => {
      return { buffer: backend.upload(values(100 * seed + i, sizeOf(shape)), shape, dtype), shape, dtype };
    }) as [Operand, Operand, Operand];
    const read = (buffer: unknown, shape: Shape): ArrayLike<number> => backend.downloadSync!({ buffer, shape, dtype });
    return {
      out: read(backend.conv2d(x, w, spec, shapes[2]), shapes[2]),
      input: read(backend.conv2dInput(dy, w, spec, shapes[0]), shapes[0]),
      filter: read(backend.conv2dFilter(x, dy, spec, shapes[1]), shapes[1]),
    };
  };
}

function product(pick: Pick, seed: number): Problem {
  const [batch, m, n, k] = [pick(0, 3), pick(0, 30), pick(0, 30), pick(0, 30)];
  const [transposeA, transposeB] = [pick(0, 1) === 1, pick(0, 1) === 1];
  return (backend, dtype) => {
    const draw = (at: number, shape: number[]): Tensor =>
      tensor(values(100 * seed + at, sizeOf(shape)), { backend, shape, dtype });
    const a = draw(0, transposeA ? [batch, k, m] : [batch, m, k]);
    const b = draw(1, transposeB ? [batch, n, k] : [batch, k, n]);
    return { product: matMul(a, b, { transposeA, transposeB }).dataSync() };
  };
}

/**
 * How to make a problem, how many quarters of all there are of them, and how large an error may be. float32 rounds at 6e-8 of each term:
 * up to a few hundred terms leave some of that. Through three layers, forward and back, it is some tens, and a saturated tanh's slope,
 * 1 - h², has lost two or three digits to begin with. A term that is lost or counted twice would show as a hundredth at least.
 */
const KINDS = {
  'dual passes': [dualPass, 2, 5e-5],
  convolutions: [convolution, 1, 2e-6],
  products: [product, 1, 2e-6],
} as const;

describe.each(machines.map((machine, i) => ({ ...machine, i })))('$name', ({ create, i }) => {
  const backend = create({ threads: 2 });

  it.each(Object.entries(KINDS))('random %s agree with the reference', (_, [make, share, bound]) => {
    let worst = { error: 0, seed: 0 };
    for (let run = 0; run < share * EACH; run++) {
      const seed = 1 + run * machines.length + i;
      const problem = make(pickFrom(seed), seed);
      const error = scope(() => worstError(problem(backend, 'float32'), problem(reference, 'float64')));
      if (error > worst.error) worst = { error, seed };
    }
    expect(worst.error, `problem ${worst.seed}`).toBeLessThan(bound);
  });
});
