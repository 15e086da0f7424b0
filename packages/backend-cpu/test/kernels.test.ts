import {
  adamUpdate,
  BackendError,
  linearCombination,
  matMul,
  scaledErrorNorm,
  stack,
  sum,
  tensor,
  type Backend,
  type BinaryOp,
  type DType,
  type Operand,
  type Shape,
  type Tensor,
  type TypedArray,
  type UnaryOp,
} from '@sparseflow/tensor';
import { createReferenceBackend } from '@sparseflow/tensor/reference';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { firstDifference } from '../../../test-support/bits.ts';
import { createCpuBackend } from '../src/index.ts';
import { machines } from './available.ts';

const reference = createReferenceBackend();
const seed = 20261122;

function numbers(size: number, salt: number, low = -2, high = 2): Float32Array {
  let state = (salt * 2654435761 + 12345) >>> 0;
  return Float32Array.from({ length: size }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return low + ((high - low) * state) / 2 ** 32;
  });
}

const sizeOf = (shape: Shape): number => shape.reduce((a, b) => a * b, 1);
const read = (backend: Backend, buffer: unknown, shape: Shape, dtype: DType = 'float32'): TypedArray =>
  backend.downloadSync!({ buffer, shape, dtype });

/** The same float32 numbers as an operand of a backend. */
function operand(backend: Backend, values: Float32Array, shape: Shape, dtype: DType): Operand {
  return { buffer: backend.upload(values, shape, dtype), shape, dtype };
}

const special = [
  0,
  -0,
  1,
  -1,
  Number.NaN,
  Infinity,
  -Infinity,
  3e38,
  -3e38,
  1e-38,
  -1e-38,
  1e-42,
  88.5,
  88.9,
  -88,
  -95,
  -103,
  -110,
  0.5,
  1e-8,
];

const unaryOps: readonly UnaryOp[] = [
  'neg', 'abs', 'sign', 'step', 'floor', 'exp', 'expm1', 'log', 'log1p', 'sqrt', 'square', 'reciprocal', 'sin', 'cos', 'tanh', 'sigmoid', 'softplus', 'relu',
]; // prettier-ignore
const binaryOps: readonly BinaryOp[] = [
  'add',
  'sub',
  'mul',
  'div',
  'pow',
  'maximum',
  'minimum',
  'equal',
  'less',
  'lessEqual',
];

/** Equal up to `units` in the last place of float32; below 1e-37 up to a fixed amount, where some processors keep no digits. */
function expectUnits(actual: TypedArray, expected: ArrayLike<number>, units: number, what: string): void {
  expect(actual.length).toBe(expected.length);
  for (let i = 0; i < actual.length; i++) {
    const [a, e] = [actual[i]!, Math.fround(expected[i]!)];
    if (Number.isNaN(e) ? Number.isNaN(a) : a === e) continue;
    expect(Math.abs(a - e), `${what}: element ${i} is ${a}, expected ${e}`).toBeLessThanOrEqual(
      units * 2 ** -23 * Math.abs(e) + 1e-37,
    );
  }
}

describe.each(machines)('$name', ({ create }) => {
  const backend = create({ threads: 2 });

  it.each(unaryOps)('%s is exact to some units in the last place, over all of float32', (op) => {
    const values = Float32Array.from([...special, ...numbers(999, 1, -20, 20), ...numbers(100, 2, -0.01, 0.01)]);
    const shape = [values.length];
    const actual = read(backend, backend.unary(op, operand(backend, values, shape, 'float32')), shape);
    const expected = read(
      reference,
      reference.unary(op, operand(reference, values, shape, 'float64')),
      shape,
      'float64',
    );
    expectUnits(actual, expected, 6, op);
  });

  it.each(binaryOps)('%s is the reference for equal shapes, numbers, rows, columns and everything else', (op) => {
    const shapes: [Shape, Shape, Shape][] = [
      [[7, 33], [7, 33], [7, 33]],
      [[7, 33], [], [7, 33]],
      [[1, 1], [7, 33], [7, 33]],
      [[7, 33], [33], [7, 33]],
      [[7, 1], [7, 33], [7, 33]],
      [[7, 1], [33], [7, 33]],
      [[3, 7, 5], [7, 5], [3, 7, 5]],
      [[3, 1, 5], [7, 1], [3, 7, 5]],
      [[0, 4], [4], [0, 4]],
    ]; // prettier-ignore
    for (const [a, b, out] of shapes) {
      const [x, y] = [numbers(sizeOf(a), 3), numbers(sizeOf(b), 4)];
      if (x.length > 20) x.set(special);
      if (y.length > 40) y.set(special, 11);
      const run = (on: Backend, dtype: DType): TypedArray =>
        read(on, on.binary(op, operand(on, x, a, dtype), operand(on, y, b, dtype), out), out, dtype);
      expectUnits(run(backend, 'float32'), run(reference, 'float64'), 1, `${op} [${a}] [${b}]`);
    }
  });

  it('select takes from either side, with broadcasting', () => {
    for (const [c, a, b] of [
      [
        [4, 9],
        [4, 9],
        [4, 9],
      ],
      [[9], [4, 9], []],
      [[4, 1], [], [9]],
      [[4, 9], [9], [4, 1]],
    ] as const) {
      // prettier-ignore
      const values = [c, a, b].map((shape, i) => numbers(sizeOf(shape), 10 + i));
      values[0]!.forEach((v, i) => (values[0]![i] = v < 0 ? 0 : i % 7 === 0 ? Number.NaN : v));
      const run = (on: Backend): TypedArray => {
        const [x, y, z] = [c, a, b].map((shape, i) => operand(on, values[i]!, shape, 'float32'));
        return read(on, on.select(x!, y!, z!, [4, 9]), [4, 9]);
      };
      expect(run(backend)).toEqual(run(reference));
    }
  });

  // Double precision inside: the one rounding is that of the result.
  it('sums over leading, middle and trailing axes to the last place', () => {
    for (const [shape, axes] of [
      [[5, 70], 0],
      [[70, 37], 1],
      [[6, 50, 17], 1],
      [
        [6, 50, 17],
        [0, 2],
      ],
      [[0, 3], 0],
      [[3, 0], 1],
      [[1001], 0],
    ] as const) {
      // prettier-ignore
      const values = numbers(sizeOf(shape), 5);
      const run = (on: Backend, dtype: DType): TypedArray =>
        sum(tensor(values, { backend: on, shape, dtype }), axes).dataSync();
      expectUnits(run(backend, 'float32'), run(reference, 'float64'), 1, `sum [${shape}] over ${axes}`);
    }
  });

  it('multiplies matrices of any size and layout', () => {
    // Terms up to 4 add up to about √k · 1.3; each of k additions rounds at 2^-24 of that, and √k of their errors add up: about
    // k · 8e-8, and six times that where neighbours of this simple generator agree. A term lost or doubled would show as 1.
    fc.assert(
      fc.property(
        fc.record({
          batch: fc.integer({ min: 0, max: 3 }),
          m: fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 180, max: 200 })),
          n: fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 60, max: 140 })),
          k: fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 120, max: 1100 })),
          transposeA: fc.boolean(),
          transposeB: fc.boolean(),
        }),
        ({ batch, m, n, k, transposeA, transposeB }) => {
          const [a, b] = [numbers(batch * m * k, 6), numbers(batch * k * n, 7)];
          const run = (on: Backend, dtype: DType): TypedArray =>
            matMul(
              tensor(a, { backend: on, dtype, shape: transposeA ? [batch, k, m] : [batch, m, k] }),
              tensor(b, { backend: on, dtype, shape: transposeB ? [batch, n, k] : [batch, k, n] }),
              { transposeA, transposeB },
            ).dataSync();
          const [actual, expected] = [run(backend, 'float32'), run(reference, 'float64')];
          expect(actual.length).toBe(expected.length);
          const bound = 5e-7 * (k + 4);
          // One expectation, not one for each of the elements: those take longer than the products.
          let worst = 0;
          for (let i = 0; i < actual.length; i++) worst = Math.max(worst, Math.abs(actual[i]! - expected[i]!));
          expect(worst).toBeLessThan(bound);
        },
      ),
      { numRuns: 60, seed },
    );
  });

  // Windows of up to 4 · 4 · 80 terms, or sums over 3 · 19 · 23 pixels, of size up to 4: see the bound on products.
  it.each([
    { kernel: 3, stride: 1, top: 1, bottom: 1 },
    { kernel: 4, stride: 2, top: 1, bottom: 1 },
    { kernel: 3, stride: 2, top: 0, bottom: 1 },
    { kernel: 1, stride: 1, top: 0, bottom: 0 },
    { kernel: 4, stride: 1, top: 3, bottom: 0 },
  ])('convolves and takes both adjoints: kernel $kernel, stride $stride, padding $top $bottom', (v) => {
    for (const [n, channels, outputs] of [
      [3, 5, 7],
      [1, 1, 33],
      [2, 3, 1],
      // Few channels on one side and whole vectors of them on the other; the last with windows in more than one stretch.
      [2, 16, 7],
      [2, 7, 32],
      [1, 80, 2],
      [0, 2, 2],
    ] as const) {
      // prettier-ignore
      const [height, width] = [19, 23];
      const spec = { strides: [v.stride, v.stride], padding: [[v.top, v.bottom], [v.top, v.bottom]] } as const; // prettier-ignore
      const shrink = (size: number): number => Math.floor((size + v.top + v.bottom - v.kernel) / v.stride) + 1;
      const input = [n, height, width, channels];
      const filter = [v.kernel, v.kernel, channels, outputs];
      const output = [n, shrink(height), shrink(width), outputs];
      const run = (on: Backend, dtype: DType): TypedArray[] => {
        const [x, w, dy] = [input, filter, output].map((shape, i) =>
          operand(on, numbers(sizeOf(shape), 20 + i), shape, dtype),
        );
        return [
          read(on, on.conv2d(x!, w!, spec, output), output, dtype),
          read(on, on.conv2dInput(dy!, w!, spec, input), input, dtype),
          read(on, on.conv2dFilter(x!, dy!, spec, filter), filter, dtype),
        ];
      };
      const [actual, expected] = [run(backend, 'float32'), run(reference, 'float64')];
      const terms = [v.kernel ** 2 * channels, v.kernel ** 2 * outputs, n * output[1]! * output[2]!];
      actual.forEach((a, i) => {
        expect(a.length).toBe(expected[i]!.length);
        let worst = 0;
        for (let j = 0; j < a.length; j++) worst = Math.max(worst, Math.abs(a[j]! - expected[i]![j]!));
        expect(worst).toBeLessThan(5e-7 * (terms[i]! + 4));
      });
    }
  });

  it.each([1, 2])('a weight that is not finite spoils no pixel whose tap lies in the padding, stride %i', (stride) => {
    const spec = { strides: [stride, stride], padding: [[1, 1], [1, 1]] } as const; // prettier-ignore
    const [input, filter, output] = [
      [2, 6, 6, 3],
      [3, 3, 3, 5],
      [2, 6 / stride, 6 / stride, 5],
    ] as const;
    const weights = numbers(sizeOf(filter), 3);
    weights[0] = Number.NaN;
    weights[weights.length - 1] = Infinity;
    const run = (on: Backend): TypedArray[] => {
      const [x, w, dy] = [numbers(sizeOf(input), 1), weights, numbers(sizeOf(output), 2)].map((values, i) =>
        operand(on, values, [input, filter, output][i]!, 'float32'),
      );
      const [y, dx] = [on.conv2d(x!, w!, spec, output), on.conv2dInput(dy!, w!, spec, input)];
      return [read(on, y, output), read(on, dx, input)];
    };
    const [actual, expected] = [run(backend), run(reference)];
    actual.forEach((values, i) => {
      expect([...values].some(Number.isFinite)).toBe(true);
      // Sums of at most 45 products of numbers below 2: see the bound on products.
      values.forEach((v, j) => {
        const e = expected[i]![j]!;
        expect(Number.isFinite(e) ? Math.abs(v - e) < 5e-7 * 49 * 4 : Object.is(v, e)).toBe(true);
      });
    });
  });

  it('a cotangent that is not finite spoils no tap that meets it in the padding alone', () => {
    const spec = { strides: [1, 1], padding: [[1, 1], [1, 1]] } as const; // prettier-ignore
    const [input, filter] = [
      [2, 4, 4, 2],
      [3, 3, 2, 2],
    ] as const;
    const cotangents = numbers(sizeOf(input), 2);
    cotangents[0] = Infinity;
    cotangents[sizeOf(input) - 1] = Number.NaN;
    const run = (on: Backend): TypedArray => {
      const [x, dy] = [numbers(sizeOf(input), 1, 0.5, 2), cotangents].map((values) =>
        operand(on, values, input, 'float32'),
      );
      return read(on, on.conv2dFilter(x!, dy!, spec, filter), filter);
    };
    const [actual, expected] = [run(backend), run(reference)];
    const finite = expected.filter((value) => Number.isFinite(value)).length;
    expect([finite > 0, finite < expected.length]).toEqual([true, true]);
    // Sums of at most 32 products of numbers below 2: see the bound on products.
    expected.forEach((e, i) => {
      expect(Number.isFinite(e) ? Math.abs(actual[i]! - e) < 5e-7 * 36 * 4 : Object.is(actual[i], e), `${i}`).toBe(
        true,
      );
    });
  });

  it('joins more tensors than one call takes', () => {
    for (const rank of [0, 1, 4]) {
      const count = 1100;
      const run = (on: Backend): TypedArray => {
        const parts = Array.from({ length: count }, (_, i) =>
          tensor(numbers(2 ** rank, i), {
            backend: on,
            dtype: 'float32',
            shape: Array.from({ length: rank }, () => 2),
          }),
        );
        return stack(parts).dataSync();
      };
      expect(run(backend)).toEqual(run(reference));
    }
  });

  it('moves, joins and reduces as the reference does, in any shape', () => {
    const shapes = fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(shapes, fc.array(fc.nat(1000), { minLength: 12, maxLength: 12 }), (shape, picks) => {
        const pick = (i: number, below: number): number => picks[i % 12]! % Math.max(1, below);
        const order = shape.map((_, axis) => axis).sort((a, b) => pick(a, 1000) - pick(b, 1000) || a - b);
        const begin = shape.map((n, axis) => pick(axis, n + 1));
        const size = shape.map((n, axis) => pick(axis + 3, n - begin[axis]! + 1));
        const padding = shape.map((_, axis) => [pick(axis, 3), pick(axis + 5, 3)] as const);
        const axis = pick(0, shape.length);
        const longer = shape.map((n, i) => (i === axis ? 2 * n + size[i]! : n));
        const wide = [3, ...shape.map((n) => (n === 1 ? 4 : n))];
        const kept = shape.filter((_, i) => pick(i + 2, 2) === 0);
        const axes = shape.map((_, i) => i).filter((i) => pick(i + 2, 2) !== 0);
        const rows = shape[axis]! > 0 ? picks.map((p) => p % shape[axis]!) : [];
        const other = shape.map((n, i) => (pick(i + 1, 2) ? 1 : n));
        const ordinary = numbers(sizeOf(shape), picks[0]!);
        const values = ordinary.slice();
        if (values.length > 60) values.set(special, 3);
        const run = (on: Backend): TypedArray[] => {
          const [x, z] = [values, ordinary].map((v) => operand(on, v, shape, 'float32')) as [Operand, Operand];
          const part = operand(on, numbers(sizeOf(size), 5), size, 'float32');
          const tail = { ...part, shape: shape.map((n, i) => (i === axis ? size[i]! : n)) };
          tail.buffer = on.upload(numbers(sizeOf(tail.shape), 6), tail.shape, 'float32');
          const indices = { buffer: on.upload(Int32Array.from(rows), [12], 'int32'), shape: [rows.length], dtype: 'int32' } as const; // prettier-ignore
          const y = operand(on, numbers(sizeOf(other), 7), other, 'float32');
          const results: [unknown, Shape][] = [
            [on.transpose(x, order), order.map((i) => shape[i]!)],
            [on.slice(x, begin, size), size],
            [on.pad(x, padding), shape.map((n, i) => n + padding[i]![0] + padding[i]![1])],
            [on.concat([x, tail, x], axis, longer), longer],
            [on.broadcastTo(x, wide), wide],
            [on.gather(x, indices, axis), shape.map((n, i) => (i === axis ? rows.length : n))],
            [on.select(y, x, y, shape), shape],
            [on.binary('sub', y, x, shape), shape],
            ...(axes.length > 0
              ? ([
                  [on.reduce('max', x, axes, kept), kept],
                  [on.reduce('min', x, axes, kept), kept],
                  [on.reduce('sum', z, axes, kept), kept],
                ] as [unknown, Shape][])
              : []),
          ];
          return results.map(([buffer, s]) => read(on, buffer, s));
        };
        const [actual, expected] = [run(backend), run(reference)];
        // Numbers that are only moved are the same; sums in double precision differ in their order, by
        // less than rounding as long as they do not cancel to a 10^-8th.
        actual.forEach((a, i) => expectUnits(a, expected[i]!, i > 9 ? 1 : 0, `[${shape}], result ${i}`));
      }),
      { numRuns: 2500, seed },
    );
  });

  it('is bit-identical for 1, 2 and 8 threads', () => {
    const run = (threads: number): TypedArray[] => {
      const on = create({ threads });
      const a = tensor(numbers(300 * 333, 8), { backend: on, shape: [300, 333] });
      const b = tensor(numbers(333 * 200, 9), { backend: on, shape: [333, 200] });
      const long = operand(on, numbers(200_001, 10), [200_001], 'float32');
      const swapped = { transposeA: true, transposeB: true };
      const [rows, row] = [operand(on, numbers(200_001, 11), [3, 66_667], 'float32'), operand(on, numbers(66_667, 12), [66_667], 'float32')]; // prettier-ignore
      const elementwise = [
        read(on, on.unary('tanh', long), [200_001]),
        read(on, on.binary('sub', long, long, [200_001]), [200_001]),
        read(on, on.binary('mul', rows, row, rows.shape), rows.shape),
        read(on, on.select(row, rows, row, rows.shape), rows.shape),
      ];
      // What the threads agree on is also right.
      const [x, y] = [numbers(200_001, 11), numbers(66_667, 12)];
      const products = x.map((v, i) => v * y[i % 66_667]!);
      expect(firstDifference(elementwise[2]!, products)).toBe(undefined);
      return [matMul(a, b), matMul(b, a, swapped)].map((t) => t.dataSync()).concat(elementwise);
    };
    const one = run(1);
    for (const other of [run(2), run(8)])
      one.forEach((values, i) => expect(firstDifference(other[i]!, values), `result ${i}`).toBe(undefined));
  });

  it('fused vector operations agree with their decompositions', () => {
    for (const size of [0, 1, 15, 16, 1003]) {
      const results = [backend, reference].map((on, i) => {
        const at = (salt: number, low?: number, high?: number): Tensor =>
          tensor(numbers(size, salt, low, high), {
            backend: on,
            shape: [size],
            dtype: i === 0 ? 'float32' : 'float64',
          });
        const state = { param: at(1), gradient: at(2), mean: at(3), variance: at(4, 0, 1) };
        const p = { learningRate: 1e-2, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.1, step: 3 };
        const masked = { ...state, mask: tensor(Float32Array.from({ length: size }, (_, j) => j % 2), { backend: on, shape: [size], dtype: i === 0 ? 'float32' : 'float64' }) }; // prettier-ignore
        return [
          linearCombination([at(1), at(2), at(3)], [0.5, 0, -1.25]),
          linearCombination([at(1)], [0]),
          ...(size > 0
            ? [scaledErrorNorm([at(1), at(5)], [at(2), at(6)], [at(3), at(7)], { rtol: 1e-3, atol: 1e-5 })]
            : []),
          ...Object.values(adamUpdate(state, { ...p, decoupled: true })),
          ...Object.values(adamUpdate(masked, { ...p, decoupled: false })),
        ].map((t) => t.dataSync());
      });
      // Sums of three terms cancel, so the bound is relative to the operands' size, 2.
      results[0]!.forEach((actual, i) => {
        const expected = results[1]![i]!;
        expect(actual.length).toBe(expected.length);
        actual.forEach((a, j) =>
          expect(Math.abs(a - expected[j]!)).toBeLessThan(1e-6 * Math.max(2, Math.abs(expected[j]!))),
        );
      });
    }
  });

  it('a NaN anywhere in an error estimate makes its norm NaN', () => {
    for (const spoiled of [0, 1, 2]) {
      const t = [0, 1, 2].map((i) => {
        const values = numbers(20, i);
        if (i === spoiled) values[13] = Number.NaN;
        return tensor(values, { backend });
      });
      expect(scaledErrorNorm([t[0]!], [t[1]!], [t[2]!], { rtol: 1e-3, atol: 1e-3 }).dataSync()[0]).toBeNaN();
    }
  });
});

describe('misuse', () => {
  it('buffers of the wrong size are an error, never a crash', () => {
    for (const { create } of machines) {
      const backend = create({ threads: 2 });
      const x = operand(backend, numbers(6, 1), [6], 'float32');
      const wrong: Operand = { ...x, shape: [4, 5] };
      expect(() => backend.matMul(wrong, wrong, false, true, [4, 4])).toThrow(BackendError);
      expect(() => backend.binary('add', wrong, wrong, [4, 5])).toThrow(BackendError);
      expect(() => backend.reduce('sum', wrong, [0], [5])).toThrow(BackendError);
      expect(() => backend.fused!['linearCombination']!([x, wrong], [1, 1], [wrong])).toThrow(BackendError);
    }
    const backend = createCpuBackend({ path: 'wasm' });
    const wrong: Operand = { ...operand(backend, numbers(6, 1), [6], 'float32'), shape: [4, 5] };
    expect(() => backend.matMul(wrong, wrong, false, true, [4, 4])).toThrowErrorMatchingInlineSnapshot(
      `[BackendError: backend 'wasm': matMul: the operands' sizes do not fit. To fix: give operands of the sizes that the operation expects, in fewer or smaller batches if memory ran out.]`,
    );
  });
});
