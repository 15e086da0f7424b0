import * as ops from '../index.ts';
import type { Backend, DType, FloatDType, Shape, Tensor } from '../index.ts';
import { createReferenceBackend } from '../reference/index.ts';
import type { ConformanceCase } from './case.ts';
import { assertClose, ConformanceError } from './compare.ts';
import { withoutLeaks } from './leaks.ts';
import { stream, uniform } from './random.ts';

type Check = (backend: Backend, dtype: DType) => Promise<void>;

function demand(condition: boolean, message: string): asserts condition {
  if (!condition) throw new ConformanceError(message);
}

/** Compares exactly: nothing is computed here, so nothing may be rounded. */
async function demandEqual(what: string, x: Tensor, values: readonly number[]): Promise<void> {
  const actual = { shape: x.shape, values: await x.data() };
  assertClose(what, actual, { shape: x.shape, values }, 0);
}

/** Numbers that every dtype holds exactly. */
const whole = (size: number): number[] => Array.from({ length: size }, (_, i) => i * 3 - 7);

const shapes: readonly Shape[] = [[], [1], [7], [3, 5], [2, 3, 1, 5], [0], [0, 3], [3, 0, 2]];

const inAnyDType: Readonly<Record<string, Check>> = {
  'upload and download': async (backend, dtype) => {
    for (const shape of shapes) {
      const values = whole(ops.sizeOf(shape));
      const x = ops.tensor(values, { backend, shape, dtype });
      await demandEqual(`shape [${shape}]`, x, values);
      demand(ops.dtypeOf(await x.data()) === dtype, `data() of a ${dtype} tensor is ${ops.dtypeOf(await x.data())}`);
      x.dispose();
    }
  },
  'a download belongs to the caller': async (backend, dtype) => {
    const x = ops.tensor([1, 2, 3], { backend, dtype });
    (await x.data())[0] = 9;
    await demandEqual('after writing to the first download', x, [1, 2, 3]);
    x.dispose();
  },
  'an upload is a copy': async (backend, dtype) => {
    const values = ops.toTypedArray([1, 2, 3], dtype);
    const x = ops.tensor(values, { backend, dtype });
    const buffer = backend.upload(values, [3], dtype);
    const y = ops.fromBuffer(backend, buffer, [3], dtype);
    values[0] = 9;
    await demandEqual('tensor, after writing to the source', x, [1, 2, 3]);
    await demandEqual('upload, after writing to the source', y, [1, 2, 3]);
    ops.disposeTree([x, y]);
  },
  'synchronous download': async (backend, dtype) => {
    const x = ops.tensor([1, 2, 3], { backend, dtype });
    if (backend.downloadSync) {
      assertClose('dataSync', { shape: [3], values: x.dataSync() }, { shape: [3], values: [1, 2, 3] }, 0);
      x.dataSync()[0] = 9;
      await demandEqual('after writing to the download', x, [1, 2, 3]);
    } else {
      let code: unknown;
      try {
        x.dataSync();
      } catch (error) {
        code = (error as { code?: unknown }).code;
      }
      demand(code === 'BACKEND', 'dataSync did not throw a BackendError on a backend without downloadSync');
    }
    x.dispose();
  },
  fill: async (backend, dtype) => {
    for (const shape of shapes) {
      const x = ops.full(shape, -3, { backend, dtype });
      await demandEqual(`shape [${shape}]`, x, new Array<number>(x.size).fill(-3));
      x.dispose();
    }
  },
  'live buffers are counted one by one': async (backend, dtype) => {
    const before = backend.liveBuffers();
    const xs = [1, 2, 3].map((value) => ops.full([2], value, { backend, dtype }));
    demand(backend.liveBuffers() === before + 3, `${backend.liveBuffers() - before} live buffers after creating 3`);
    xs[1]!.dispose();
    xs[1]!.dispose();
    demand(
      backend.liveBuffers() === before + 2,
      `${backend.liveBuffers() - before} left of 3 after disposing of one twice`,
    );
    await demandEqual('a neighbour of the disposed one', xs[2]!, [3, 3]);
    ops.disposeTree(xs);
  },
  'a reshaped tensor and its source are disposed separately': async (backend, dtype) => {
    for (const first of [0, 1] as const) {
      const before = backend.liveBuffers();
      const x = ops.tensor(whole(6), { backend, shape: [2, 3], dtype });
      const pair = [x, ops.reshape(x, [3, 2])] as const;
      demand(backend.liveBuffers() === before + 2, `${backend.liveBuffers() - before} live buffers for a pair`);
      pair[first].dispose();
      await demandEqual(first === 0 ? 'view after its source' : 'source after its view', pair[1 - first]!, whole(6));
      pair[1 - first]!.dispose();
    }
  },
  'use after disposal is refused': async (backend, dtype) => {
    const x = ops.tensor([1, 2], { backend, dtype });
    x.dispose();
    for (const use of [() => ops.neg(x), () => ops.reshape(x, [2, 1]), () => ops.concat([x, x], 0)]) {
      let code: unknown;
      try {
        use().dispose();
      } catch (error) {
        code = (error as { code?: unknown }).code;
      }
      demand(code === 'DISPOSED', `expected a DisposedTensorError, got ${String(code)}`);
    }
  },
  'operations leave their operands alone': async (backend, dtype) => {
    const x = ops.tensor([1, 2, 3, 4], { backend, shape: [2, 2], dtype });
    const results = [ops.add(x, x), ops.neg(x), ops.transpose(x), ops.matMul(x, x), ops.sum(x, 0), ops.pad(x, [[1, 0], [0, 1]])]; // prettier-ignore
    await Promise.all(results.map((y) => y.data()));
    await demandEqual('the operand', x, [1, 2, 3, 4]);
    ops.disposeTree([x, ...results]);
  },
};

const inFloats: Readonly<Record<string, Check>> = {
  'cast to int32 truncates': async (backend, dtype) => {
    const x = ops.tensor([2.75, -2.75, 0.5, -0.5, 7], { backend, dtype });
    const y = ops.cast(x, 'int32');
    demand(y.dtype === 'int32', `dtype ${y.dtype}`);
    await demandEqual('cast', y, [2, -2, 0, 0, 7]);
    ops.disposeTree([x, y]);
  },
  'cast from int32': async (backend, dtype) => {
    const x = ops.tensor([2, -3, 0], { backend, dtype: 'int32' });
    const y = ops.cast(x, dtype);
    demand(y.dtype === dtype, `dtype ${y.dtype}`);
    await demandEqual('cast', y, [2, -3, 0]);
    ops.disposeTree([x, y]);
  },
  'every float is kept': async (backend, dtype) => {
    const limits = dtype === 'float32' ? [2 ** -126, 2 ** 127] : [2 ** -1022, 2 ** 1023];
    const values = [0.1, -1 / 3, Infinity, -Infinity, NaN, ...limits].map((v) => ops.toTypedArray([v], dtype)[0]!);
    const x = ops.tensor(values, { backend, dtype });
    await demandEqual('special and extreme values', x, values);
    x.dispose();
  },
  'random tensors are those of the reference': async (backend, dtype) => {
    const options = { backend: createReferenceBackend(), dtype: dtype as FloatDType };
    for (const draw of [ops.randomNormal, ops.randomUniform, ops.randomRademacher]) {
      const x = draw(ops.key(7), [5, 7], { ...options, backend });
      await demandEqual(draw.name, x, [...draw(ops.key(7), [5, 7], options).dataSync()]);
      x.dispose();
    }
  },
  'equal inputs give equal bits': async (backend, dtype) => {
    const random = stream('equal inputs give equal bits');
    const [a, b] = ([[65, 33], [33, 17]] as const).map((shape) =>
      ops.tensor(uniform(-1, 1)(random, ops.sizeOf(shape)), { backend, shape, dtype }),
    ) as [Tensor, Tensor]; // prettier-ignore
    const once = (): Tensor[] => {
      const product = ops.matMul(a, b);
      return [product, ops.sum(product, 0), ops.sum(ops.tanh(product))];
    };
    const [first, second] = [ops.scope(once), ops.scope(once)];
    for (const [i, x] of first.entries()) {
      await demandEqual(`result ${i} the second time`, second[i]!, [...(await x.data())]);
    }
    ops.disposeTree([a, b, first, second]);
  },
  'a scope frees its temporaries, also when it throws': async (backend, dtype) => {
    const before = backend.liveBuffers();
    const x = ops.tensor([1, 2], { backend, dtype });
    const y = ops.scope(() => ops.exp(ops.neg(ops.square(x))));
    demand(backend.liveBuffers() === before + 2, `${backend.liveBuffers() - before} live buffers, expected x and y`);
    const failure = new Error('thrown inside the scope');
    try {
      ops.scope(() => {
        ops.exp(ops.neg(x));
        throw failure;
      });
    } catch (error) {
      demand(error === failure, `the scope threw ${String(error)}`);
    }
    try {
      ops.grad((z: Tensor) => {
        ops.exp(ops.neg(z));
        throw failure;
      })(x);
    } catch (error) {
      demand(error === failure, `grad threw ${String(error)}`);
    }
    demand(backend.liveBuffers() === before + 2, `${backend.liveBuffers() - before} live buffers after throwing`);
    ops.disposeTree([x, y]);
  },
};

const inIntegers: Readonly<Record<string, Check>> = {
  'integers beyond 2^24 are kept': async (backend) => {
    const values = [2 ** 24 + 1, -(2 ** 24) - 1, 2 ** 31 - 1, -(2 ** 31)];
    const x = ops.tensor(values, { backend, dtype: 'int32' });
    await demandEqual('upload and download', x, values);
    x.dispose();
  },
};

function casesOf(checks: Readonly<Record<string, Check>>, dtype: DType): ConformanceCase[] {
  return Object.entries(checks).map(([name, check]) => ({
    name: `storage · ${name} · ${dtype}`,
    op: 'storage',
    order: 0,
    dtype,
    run: (backend) => withoutLeaks(backend, () => check(backend, dtype)),
  }));
}

/** Upload, download, disposal and counting: what no operation can get right if the backend gets it wrong. */
export function storageCases(dtype: FloatDType): ConformanceCase[] {
  return [...casesOf(inAnyDType, dtype), ...casesOf(inFloats, dtype)];
}

/** As {@link storageCases}, for the index type. Every backend has it. */
export function integerStorageCases(): ConformanceCase[] {
  return [...casesOf(inAnyDType, 'int32'), ...casesOf(inIntegers, 'int32')];
}
