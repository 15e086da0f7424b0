import { describe, expect, it } from 'vitest';
import {
  add,
  cast,
  clip,
  concat,
  conv2d,
  conv2dTranspose,
  div,
  dot,
  expandDims,
  gather,
  grad,
  elu,
  logSoftmax,
  logSumExp,
  matMul,
  max,
  maximum,
  mean,
  mul,
  norm,
  pad,
  pow,
  reshape,
  scatterAdd,
  slice,
  softmax,
  split,
  squeeze,
  stack,
  sub,
  sum,
  tensor,
  transpose,
  where,
  type Tensor,
} from '../index.ts';
import { createReferenceBackend } from '../reference/index.ts';

const backend = createReferenceBackend();
const at = (values: Parameters<typeof tensor>[0], shape?: number[]): Tensor =>
  tensor(values, { backend, ...(shape && { shape }) });
const ints = (values: number[]): Tensor => tensor(values, { backend, dtype: 'int32' });
const read = (x: Tensor): number[] => Array.from(x.dataSync());

describe('numbers as operands', () => {
  it('work on either side', () => {
    const x = at([2, 4]);
    expect([add(x, 1), add(1, x), sub(x, 1), sub(1, x), mul(x, 3), mul(3, x), div(x, 2), div(2, x)].map(read)).toEqual([
      [3, 5],
      [3, 5],
      [1, 3],
      [-1, -3],
      [6, 12],
      [6, 12],
      [1, 2],
      [1, 0.5],
    ]);
    expect([pow(x, 2), pow(2, x), maximum(x, 3), maximum(3, x)].map(read)).toEqual([
      [4, 16],
      [4, 16],
      [3, 4],
      [3, 4],
    ]);
  });

  it('leave no buffers but the result', () => {
    const x = at([2, 4]);
    const before = backend.liveBuffers();
    for (const f of [
      () => div(2, x),
      () => maximum(x, 3),
      () => pow(x, 2),
      () => mean(x),
      () => softmax(x),
      () => logSumExp(x),
      () => elu(x),
      () => norm(x),
    ]) {
      const y = f();
      expect(backend.liveBuffers() - before).toBe(1);
      y.dispose();
    }
  });
});

describe('composites', () => {
  it('elu has derivative 1 at 0, exp(x) below', () => {
    expect(read(grad((x: Tensor) => sum(elu(x)))(at([0, -1, 2])))).toEqual([1, Math.exp(-1), 1]);
  });

  it('softmax and logSumExp do not overflow, and their gradients are exact', () => {
    const x = at([1000, 1001, 1002]);
    const e = [1, Math.E, Math.E ** 2];
    const z = e.reduce((a, b) => a + b);
    read(softmax(x)).forEach((p, i) => expect(p).toBeCloseTo(e[i]! / z, 14));
    expect(read(logSumExp(x))[0]).toBeCloseTo(1000 + Math.log(z), 12);
    read(grad((y: Tensor) => logSumExp(y))(x)).forEach((g, i) => expect(g).toBeCloseTo(e[i]! / z, 14));
    expect(
      read(
        logSumExp(
          at([
            [-Infinity, -Infinity],
            [Infinity, 0],
          ]),
          1,
        ),
      ),
    ).toEqual([-Infinity, Infinity]);
    expect(logSumExp(at([[1, 2]]), 1, { keepDims: true }).shape).toEqual([1, 1]);
    expect(
      read(
        sum(
          logSoftmax(
            at([
              [0, 0],
              [5, 5],
            ]),
          ),
          1,
        ),
      ),
    ).toEqual([-2 * Math.LN2, -2 * Math.LN2]);
  });

  it('pow with a number has derivatives of every order at 0', () => {
    const nth = (f: (x: Tensor) => Tensor, n: number): ((x: Tensor) => Tensor) =>
      n === 0 ? f : nth((x) => grad(f)(x), n - 1);
    expect([0, 1, 2, 3, 4].map((n) => read(nth((x) => pow(x, 3), n)(at(0)))[0])).toEqual([0, 0, 0, 6, 0]);
  });

  it('clip, norm and dot', () => {
    expect(read(clip(at([-2, 0.5, 3]), 0, 1))).toEqual([0, 0.5, 1]);
    expect(read(norm(at([3, 4])))).toEqual([5]);
    expect(read(dot(at([1, 2]), at([3, 4])))).toEqual([11]);
  });
});

describe('layout', () => {
  const x = at([
    [1, 2, 3],
    [4, 5, 6],
  ]);

  it('infers one axis and resolves negative ones', () => {
    expect(reshape(x, [-1, 2]).shape).toEqual([3, 2]);
    expect(expandDims(x, -1).shape).toEqual([2, 3, 1]);
    expect(squeeze(expandDims(x, 0)).shape).toEqual([2, 3]);
    expect(read(transpose(x))).toEqual([1, 4, 2, 5, 3, 6]);
    expect(read(slice(x, [0, 1], [-1, -1]))).toEqual([2, 3, 5, 6]);
    expect(read(pad(at([1]), [[1, 2]]))).toEqual([0, 1, 0, 0]);
    expect(stack([x, x], -1).shape).toEqual([2, 3, 2]);
    expect(split(x, [1, 2], 1).map(read)).toEqual([
      [1, 4],
      [2, 3, 5, 6],
    ]);
    expect(read(concat(split(x, [1, 2], 1), 1))).toEqual(read(x));
  });

  it('ties of max share the gradient', () => {
    expect(
      read(
        grad((y: Tensor) => sum(max(y, 1)))(
          at([
            [1, 3, 3],
            [2, 0, 1],
          ]),
        ),
      ),
    ).toEqual([0, 0.5, 0.5, 1, 0, 0]);
  });

  it('scatterAdd is the adjoint of gather', () => {
    const indices = ints([2, 0, 2]);
    expect(read(gather(x, indices, 1))).toEqual([3, 1, 3, 6, 4, 6]);
    expect(read(scatterAdd(at([1, 2, 3]), indices, 0, 4))).toEqual([2, 0, 4, 0]);
  });
});

describe('conv2dTranspose', () => {
  it('is the adjoint of conv2d: ⟨conv(x, w), y⟩ = ⟨x, convᵀ(y, w)⟩', () => {
    const count = (shape: number[]): number => shape.reduce((a, b) => a * b);
    const wave = (shape: number[]): Tensor =>
      at(
        Array.from({ length: count(shape) }, (_, i) => Math.sin(i * 1.7)),
        shape,
      );
    for (const options of [{}, { strides: 2 }, { padding: 1 }, { strides: 2, padding: 'same' }] as const) {
      const [x, w] = [wave([2, 6, 5, 3]), wave([3, 3, 3, 4])];
      const forward = conv2d(x, w, options);
      const y = wave([...forward.shape]);
      expect(read(dot(forward, y))[0]).toBeCloseTo(read(dot(x, conv2dTranspose(y, w, [6, 5], options)))[0]!, 11);
    }
  });
});

describe('errors say what, where and what to do', () => {
  const x = at([
    [1, 2, 3],
    [4, 5, 6],
  ]);
  it.each<[string, () => unknown]>([
    ['broadcast', () => add(x, at([1, 2]))],
    ['dtype', () => mul(x, cast(x, 'float32'))],
    ['two numbers', () => add(1, 2)],
    ['inner sizes', () => matMul(x, x)],
    ['too few axes', () => matMul(x, at([1, 2, 3]))],
    ['axis', () => sum(x, 2)],
    ['repeated axis', () => sum(x, [0, -2])],
    ['mean of integers', () => mean(ints([1]))],
    ['exp of integers', () => pow(ints([1]), at([1]))],
    ['reshape', () => reshape(x, [4])],
    ['reshape -1', () => reshape(x, [4, -1])],
    ['transpose', () => transpose(x, [0])],
    ['slice', () => slice(x, [0, 2], [1, 2])],
    [
      'pad',
      () =>
        pad(x, [
          [1, -1],
          [0, 0],
        ]),
    ],
    ['concat', () => concat([x, at([[1]])], 0)],
    ['concat nothing', () => concat([], 0)],
    ['split', () => split(x, [1], 1)],
    ['squeeze', () => squeeze(x, 0)],
    ['gather', () => gather(x, at([0]))],
    ['gather matrix', () => gather(x, tensor([[0]], { backend, dtype: 'int32' }))],
    ['scatter', () => scatterAdd(x, ints([0]), 0, 3)],
    ['where', () => where(x, x, cast(x, 'float32'))],
    ['conv rank', () => conv2d(x, x)],
    ['conv channels', () => conv2d(at(new Float64Array(4), [1, 2, 2, 1]), at(new Float64Array(2), [1, 1, 2, 1]))],
    [
      'conv filter too large',
      () => conv2d(at(new Float64Array(4), [1, 2, 2, 1]), at(new Float64Array(9), [3, 3, 1, 1])),
    ],
    [
      'conv transpose',
      () => conv2dTranspose(at(new Float64Array(4), [1, 2, 2, 1]), at(new Float64Array(1), [1, 1, 1, 1]), [5, 5]),
    ],
    ['values and shape', () => at([1, 2, 3], [2])],
    ['ragged', () => at([[1, 2], [3]])],
    ['unsupported dtype', () => tensor([1], { backend: { ...backend, dtypes: ['float32'] }, dtype: 'float64' })],
  ])('%s', (_, run) => {
    const before = backend.liveBuffers();
    expect(run).toThrowErrorMatchingSnapshot();
    // What the failing call itself made as operands stays with the caller; the operation adds nothing.
    expect(backend.liveBuffers() - before).toBeLessThanOrEqual(2);
  });
});
