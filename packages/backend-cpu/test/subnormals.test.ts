// Numbers below 1.2e-38: sums of products may take them for zero, and on x86 do, where they cost a hundred times as much.
import { add, conv2d, dualMlp, matMul, mul, scope, tensor, vjp, type Tensor } from '@sparseflow/tensor';
import { describe, expect, it } from 'vitest';
import { machines } from './available.ts';

const TINY = Math.fround(1e-40);

describe.each(machines)('$name', ({ name, create }) => {
  const flushes = name.startsWith('native') && process.arch === 'x64';
  const fill = (value: number, shape: number[], backend: Tensor['backend']): Tensor =>
    tensor(new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(value), { backend, shape });

  it.each([1, 2])('counts them as zero in sums of products, on all of %i threads, or else keeps them', (threads) => {
    const backend = create({ threads });
    const matrix = fill(TINY, [256, 256], backend);
    const ones = fill(1, [256, 256], backend);
    const image = fill(TINY, [4, 32, 32, 4], backend);
    const filter = fill(1, [3, 3, 4, 4], backend);
    const results = scope(() => [
      matMul(matrix, ones),
      conv2d(image, filter),
      dualMlp(matrix, fill(TINY, [1, 256, 256], backend), [{ weight: ones }], 'identity').tangent,
    ]);
    for (const result of results) {
      const values = result.dataSync();
      expect(values.every((x) => (flushes ? x === 0 : x > 0 && x < 1e-37))).toBe(true);
    }
  });

  it('keeps them in what is computed element by element', () => {
    const x = fill(TINY, [40_000], create());
    const [sums, halves] = [add(x, x).dataSync(), mul(x, 0.5).dataSync()];
    expect(sums.every((sum) => sum === 2 * TINY)).toBe(true);
    expect(halves.every((half) => half === Math.fround(TINY / 2))).toBe(true);
  });

  it.each(['sigmoid', 'softplus', 'swish'] as const)('knows the slope of %s far out, or takes it for zero', (act) => {
    const backend = create();
    const layer = { weight: fill(1, [1, 1], backend) };
    const slopeAt = (u: number): number =>
      // The last layer is linear.
      dualMlp(fill(u, [1, 1], backend), fill(1, [1, 1, 1], backend), [layer, layer], act).tangent.dataSync()[0]!;
    const exact = (u: number): number => (act === 'swish' ? 1 + u : 1) * Math.exp(u);
    // Below 1e-8 the exponential is the slope, or its factor, to the precision of float32; half of |u| · 2⁻²⁴ is the rounding of its argument.
    expect(Math.abs(slopeAt(-40) / exact(-40) - 1)).toBeLessThan(1e-5);
    if (name === 'wasm') expect(slopeAt(-60)).toBeCloseTo(0, 300);
    else expect(Math.abs(slopeAt(-60) / exact(-60) - 1)).toBeLessThan(1e-5);
  });

  it('leaves those of JavaScript alone', () => {
    const backend = create({ threads: 2 });
    const ones = fill(1, [256, 256], backend);
    const layer = { weight: ones };
    const { pullback } = vjp(
      (t: Tensor) => dualMlp(t, fill(1, [1, 256, 256], backend), [layer, layer], 'sigmoid'),
      ones,
    );
    pullback({ value: ones, tangent: fill(1, [1, 256, 256], backend) });
    matMul(ones, ones);
    const tiny = [Number.MIN_VALUE, 1e-310];
    expect(tiny.every((x) => x + x > x && x * 1 > 0)).toBe(true);
  });
});
