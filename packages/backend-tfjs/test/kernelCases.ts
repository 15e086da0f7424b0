import type { Backend, BinaryOp, Buffer, DType, Operand, Shape, UnaryOp } from '@sparseflow/tensor';
import { createReferenceBackend } from '@sparseflow/tensor/reference';
import { binaryKernels, unaryKernels } from '../src/kernels/elementwise.ts';

/** What the shared conformance suite does not ask: extreme arguments, six axes, large reductions, reuse of reshaped operands. */
export interface KernelCase {
  readonly name: string;
  /** @throws where the backend differs from the reference */
  readonly run: (backend: Backend) => Promise<void>;
}

/** Uploads to the backend under test, or to the reference. */
type Upload = (values: readonly number[], shape: Shape, dtype?: DType) => Operand;
type Compute = (backend: Backend, upload: Upload) => { buffer: Buffer; shape: Shape };

interface Bound {
  /**
   * Relative to each element. GPU functions may be off by some units in the last place, and exp by 3 + 2|x| of them (WGSL 15.7):
   * at |x| = 88 that is 180 · 6e-8 = 1.1e-5.
   */
  readonly relative?: number;
  /** GPUs may flush numbers below 1.2e-38 to 0. */
  readonly absolute?: number;
}

function kernelCase(name: string, compute: Compute, { relative = 2e-5, absolute = 1.2e-38 }: Bound = {}): KernelCase {
  return {
    name,
    run: async (backend) => {
      const actual = await evaluate(backend, compute);
      const expected = await evaluate(createReferenceBackend({ dtype: 'float32' }), compute);
      if (actual.length !== expected.length)
        throw new Error(`${name}: ${actual.length} values, expected ${expected.length}`);
      for (let i = 0; i < expected.length; i++) {
        const [x, y] = [actual[i]!, expected[i]!];
        if (Object.is(x, y) || x === y) continue;
        if (Number.isFinite(y) && Math.abs(x - y) <= absolute + relative * Math.abs(y)) continue;
        throw new Error(`${name}: element ${i} is ${x}, expected ${y}`);
      }
    },
  };
}

async function evaluate(backend: Backend, compute: Compute): Promise<ArrayLike<number>> {
  const before = backend.liveBuffers();
  const uploads: Buffer[] = [];
  const { buffer, shape } = compute(backend, (values, shape, dtype = 'float32') => {
    const typed = dtype === 'int32' ? Int32Array.from(values) : Float32Array.from(values);
    const uploaded = backend.upload(typed, shape, dtype);
    uploads.push(uploaded);
    return { buffer: uploaded, shape, dtype };
  });
  const values = await backend.download({ buffer, shape, dtype: 'float32' });
  for (const each of [buffer, ...uploads]) backend.dispose(each);
  if (backend.liveBuffers() !== before) throw new Error(`${backend.liveBuffers() - before} buffers leaked`);
  return values;
}

/** Distinct, of both signs, exact in float32. */
const ramp = (n: number, step = 0.25): number[] =>
  Array.from({ length: n }, (_, i) => ((i * 37) % n) * step - (n * step) / 3);

const moderate = [0, -0, 1e-8, -1e-8, 1e-3, -1e-3, 0.3, -0.3, 0.36, -0.31, 1, -1, 2.5, -2.5, 10, -10, 50, -50];
const extreme = [...moderate, 80, -80, 100, -100, 1e4, -1e4, 1e30, -1e30, Infinity, -Infinity, NaN];
/** sin and cos of large numbers depend on how π is rounded; and where they cross 0 only the absolute error is bounded. */
const argumentsOf = (op: UnaryOp): readonly number[] =>
  op === 'sin' || op === 'cos' ? [...moderate, Infinity, NaN] : extreme;

const points = [0, -0, 1, -1, 2, -2, 3, -3, 0.5, -0.5, -2.5, 7, 1e30, -1e30, Infinity, -Infinity, NaN];
const pairs = points.flatMap((a) => points.map((b) => [a, b] as const));

const six: Shape = [2, 3, 2, 3, 2, 3];
/** Which axes repeat, in every pattern that cannot be merged into fewer axes. */
const odd: Shape = [1, 3, 1, 3, 1, 3];
const even: Shape = [2, 1, 2, 1, 2, 1];

export const kernelCases: readonly KernelCase[] = [
  ...(Object.keys(unaryKernels) as UnaryOp[]).map((op) =>
    kernelCase(`${op} of extreme numbers`, (b, up) => {
      const x = up(argumentsOf(op), [argumentsOf(op).length]);
      return { buffer: b.unary(op, x), shape: x.shape };
    }),
  ),
  ...(Object.keys(binaryKernels) as BinaryOp[]).map((op) =>
    kernelCase(`${op} of extreme numbers`, (b, up) => {
      const [x, y] = [up(pairs.map(([a]) => a), [pairs.length]), up(pairs.map(([, c]) => c), [pairs.length])]; // prettier-ignore
      return { buffer: b.binary(op, x, y, x.shape), shape: x.shape };
    }),
  ),
  kernelCase('affine', (b, up) => {
    const x = up([...ramp(5000), NaN, Infinity], [5002]);
    return { buffer: b.affine(x, -2.5, 0.75), shape: x.shape };
  }),
  kernelCase('affine without shift', (b, up) => {
    const x = up(ramp(5000), [5000]);
    return { buffer: b.affine(x, 3, 0), shape: x.shape };
  }),
  ...(['add', 'mul', 'pow', 'less', 'maximum'] as const).map((op) =>
    kernelCase(`${op} with six axes that repeat in turn`, (b, up) => {
      const [x, y] = [up(ramp(27), odd), up(ramp(8, 0.5), even)];
      return { buffer: b.binary(op, x, y, six), shape: six };
    }),
  ),
  kernelCase('select with six axes that repeat in turn', (b, up) => {
    const [c, x, y] = [up([0, 1, -0.5, 0, NaN, 0, 1e-3, 0], even), up(ramp(27), odd), up(ramp(216), six)];
    return { buffer: b.select(c, x, y, six), shape: six };
  }),
  kernelCase('broadcastTo with six axes that repeat in turn', (b, up) => ({
    buffer: b.broadcastTo(up(ramp(27), odd), six),
    shape: six,
  })),
  kernelCase('broadcastTo the other way round, of -0 and NaN', (b, up) => ({
    buffer: b.broadcastTo(up([-0, NaN, Infinity, 1, 2, 3, 4, 5], even), six),
    shape: six,
  })),
  kernelCase('transpose of six axes', (b, up) => {
    const permutation = [5, 2, 4, 0, 3, 1];
    const x = up(ramp(216), six);
    return { buffer: b.transpose(x, permutation), shape: permutation.map((axis) => six[axis]!) };
  }),
  kernelCase('transpose of a matrix larger than any block', (b, up) => ({
    buffer: b.transpose(up(ramp(301 * 67), [301, 67]), [1, 0]),
    shape: [67, 301],
  })),
  kernelCase('slice of six axes', (b, up) => {
    const size = [1, 2, 1, 2, 1, 2];
    return { buffer: b.slice(up(ramp(216), six), [1, 1, 0, 1, 1, 0], size), shape: size };
  }),
  kernelCase('pad of six axes', (b, up) => ({
    buffer: b.pad(up(ramp(216), six), [[1, 0], [0, 1], [1, 1], [0, 2], [1, 0], [0, 1]]), // prettier-ignore
    shape: [3, 4, 4, 5, 3, 4],
  })),
  kernelCase('concat of six axes', (b, up) => {
    const [x, y] = [up(ramp(216), six), up(ramp(72, 1), [2, 3, 2, 1, 2, 3])];
    const shape = [2, 3, 2, 4, 2, 3];
    return { buffer: b.concat([x, y], 3, shape), shape };
  }),
  kernelCase('gather along a middle axis', (b, up) => ({
    buffer: b.gather(up(ramp(216), six), up([2, 0, 0, 1], [4], 'int32'), 3),
    shape: [2, 3, 2, 4, 2, 3],
  })),
  kernelCase('scatterAdd along a middle axis, with repetition', (b, up) => {
    const shape = [2, 5, 3];
    return { buffer: b.scatterAdd(up(ramp(24), [2, 4, 3]), up([4, 0, 4, 4], [4], 'int32'), 1, shape), shape };
  }),
  ...(['sum', 'max', 'min'] as const).flatMap((op) => [
    ...[[0, 2, 4], [1, 3, 5], [0], [5], [2, 3], [0, 1, 2, 3, 4, 5]].map((axes) =>
      kernelCase(
        `${op} of six axes over [${axes}]`,
        (b, up) => {
          const shape = six.filter((_, axis) => !axes.includes(axis));
          return { buffer: b.reduce(op, up(ramp(216), six), axes, shape), shape };
        },
        { absolute: 1e-3 }, // Terms up to 36 that cancel: 216 · 36 · 6e-8.
      ),
    ),
    ...(
      [
        [1, 5003],
        [5003, 1],
        [1500, 3],
        [3, 1500],
        [9001, 2],
      ] as const
    ).map(([rows, columns]) =>
      kernelCase(`${op} over both axes of [${[rows, columns]}], one after the other`, (b, up) => {
        const x = up(
          Array.from({ length: rows * columns }, (_, i) => (i % 17) / 16 + 0.25),
          [rows, columns],
        );
        const first = b.reduce(op, x, [0], [columns]);
        const second = b.reduce(op, { buffer: first, shape: [columns], dtype: 'float32' }, [0], []);
        b.dispose(first);
        return { buffer: second, shape: [] };
      }),
    ),
    ...[0, 3, 6].map((at) =>
      kernelCase(`${op} with NaN at ${at}`, (b, up) => {
        const x = up([1, 2, -3, 4, 5, -6, 7].with(at, NaN), [7]);
        return { buffer: b.reduce(op, x, [0], []), shape: [] };
      }),
    ),
    kernelCase(`${op} of nothing`, (b, up) => ({ buffer: b.reduce(op, up([], [0, 3]), [0], [3]), shape: [3] })),
    kernelCase(`${op} of -Infinity`, (b, up) => ({
      buffer: b.reduce(op, up([-Infinity, -Infinity], [2, 1]), [0], [1]),
      shape: [1],
    })),
  ]),
  kernelCase('matMul with the same right operand under two shapes', (b, up) => {
    const right = up([1, 2, 3, 4, 5, 6], [2, 3]);
    const first = b.matMul(up([1, 2], [1, 2]), right, false, false, [1, 3]);
    const reshaped: Operand = { buffer: b.reshape(right, [3, 2]), shape: [3, 2], dtype: 'float32' };
    const second = b.matMul(up([1, 2, 3], [1, 3]), reshaped, false, false, [1, 2]);
    const both = b.concat([operand(first, [1, 3]), operand(second, [1, 2])], 1, [1, 5]);
    for (const each of [first, second, reshaped.buffer]) b.dispose(each);
    return { buffer: both, shape: [1, 5] };
  }),
  kernelCase('conv2d with the same filter under two shapes', (b, up) => {
    const spec = { strides: [1, 1], padding: [[0, 0], [0, 0]] } as const; // prettier-ignore
    const [one, two] = [up(ramp(16), [1, 4, 4, 1]), up(ramp(32), [1, 4, 4, 2])];
    const filter = up(ramp(6, 1), [1, 1, 1, 6]);
    const first = b.conv2d(one, filter, spec, [1, 4, 4, 6]);
    const reshaped = operand(b.reshape(filter, [1, 1, 2, 3]), [1, 1, 2, 3]);
    const second = b.conv2d(two, reshaped, spec, [1, 4, 4, 3]);
    const both = b.concat([operand(first, [1, 4, 4, 6]), operand(second, [1, 4, 4, 3])], 3, [1, 4, 4, 9]);
    for (const each of [first, second, reshaped.buffer]) b.dispose(each);
    return { buffer: both, shape: [1, 4, 4, 9] };
  }),
  // tfjs has programs of their own for many tiles of 32 by 32, and for sums of 2,000 terms and more.
  ...([[17, 3, 5], [3, 17, 5], [3, 5, 17], [1, 64, 2], [64, 2, 64], [130, 70, 200], [20, 2100, 33]] as const).flatMap(([m, k, n]) =>
    [[false, false], [true, false], [false, true], [true, true]].map(([tA, tB]) =>
      kernelCase(
        `matMul ${m}×${k}×${n}${tA ? ', left transposed' : ''}${tB ? ', right transposed' : ''}, batch 2`,
        (b, up) => {
          const x = up(ramp(2 * m * k, 1 / (m * k)), tA ? [2, k, m] : [2, m, k]);
          const y = up(ramp(2 * k * n, 1 / (k * n)), tB ? [2, n, k] : [2, k, n]);
          return { buffer: b.matMul(x, y, tA!, tB!, [2, m, n]), shape: [2, m, n] };
        },
        { absolute: k ** 1.5 * 2e-7 }, // k partial sums up to 2 k, each rounded by 6e-8 of itself up or down; some more on a GPU.
      ),
    ),
  ), // prettier-ignore
  kernelCase('matMul with NaN and infinity', (b, up) => ({
    buffer: b.matMul(up([1, NaN, 1, 2, 0, 1], [3, 2]), up([1, Infinity, 2, 3], [2, 2]), false, false, [3, 2]),
    shape: [3, 2],
  })),
];

function operand(buffer: Buffer, shape: Shape): Operand {
  return { buffer, shape, dtype: 'float32' };
}
