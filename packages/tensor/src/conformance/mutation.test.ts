import { describe, expect, it } from 'vitest';
import type { Backend, BinaryOp, Buffer, Operand, ReduceOp, UnaryOp } from '../index.ts';
import { createReferenceBackend } from '../reference/index.ts';
import { conformanceCases } from './index.ts';
import { stream } from './random.ts';

/*
 * Does the suite notice? Each kernel of a good backend is broken a little, one at a time, and some case must fail.
 */

type Kernel = (...args: never[]) => Buffer;

const unaryOps: UnaryOp[] = [
  'neg', 'abs', 'sign', 'step', 'floor', 'exp', 'expm1', 'log', 'log1p', 'sqrt', 'square', 'reciprocal',
  'sin', 'cos', 'tanh', 'sigmoid', 'softplus', 'relu',
]; // prettier-ignore
const binaryOps: BinaryOp[] = ['add', 'sub', 'mul', 'div', 'pow', 'maximum', 'minimum', 'equal', 'less', 'lessEqual'];
const reduceOps: ReduceOp[] = ['sum', 'max', 'min'];
const others = [
  'fill', 'cast', 'affine', 'select', 'matMul', 'conv2d', 'conv2dInput', 'conv2dFilter', 'broadcastTo', 'reshape',
  'transpose', 'slice', 'pad', 'concat', 'gather', 'scatterAdd',
] as const; // prettier-ignore

/** A reference backend one of whose kernels adds an error to the last element of its result. */
function broken(method: keyof Backend, op: string | undefined, error: (y: number) => number): Backend {
  const good = createReferenceBackend();
  const kernel = good[method] as Kernel;
  const wrapped: Kernel = (...args) => {
    const buffer = kernel(...args);
    if (op !== undefined && args[0] !== op) return buffer;
    const dtype = method === 'fill' || method === 'cast' ? 'float64' : (dtypeIn(args) ?? 'float64');
    const values = good.downloadSync!({ buffer, shape: [], dtype });
    if (values.length === 0 || values instanceof Int32Array) return buffer;
    values[values.length - 1] = error(values[values.length - 1]!);
    good.dispose(buffer);
    return good.upload(values, [values.length], values instanceof Float32Array ? 'float32' : 'float64');
  };
  return { ...good, [method]: wrapped };
}

function dtypeIn(args: readonly unknown[]): Operand['dtype'] | undefined {
  const operands = args.flatMap((arg) => (Array.isArray(arg) ? (arg as unknown[]) : [arg]));
  return operands.find((arg): arg is Operand => typeof arg === 'object' && arg !== null && 'dtype' in arg)?.dtype;
}

const cases = conformanceCases();

/** Whether a case fails; those that are named after the kernel are run first, to find out sooner. */
async function caught(backend: Backend, dtype: 'float32' | 'float64', kernel = ''): Promise<boolean> {
  const own = cases.filter((one) => one.dtype === dtype);
  for (const one of [...own.filter(({ op }) => op === kernel), ...own.filter(({ op }) => op !== kernel)]) {
    try {
      await one.run(backend);
    } catch {
      return true;
    }
  }
  return false;
}

const targets: [keyof Backend, string | undefined][] = [
  ...unaryOps.map((op): [keyof Backend, string] => ['unary', op]),
  ...binaryOps.map((op): [keyof Backend, string] => ['binary', op]),
  ...reduceOps.map((op): [keyof Backend, string] => ['reduce', op]),
  ...others.map((method): [keyof Backend, undefined] => [method, undefined]),
];

describe('the suite notices', () => {
  it.each(targets)('an error of 2e-5 in %s %s, in float32', async (method, op) => {
    expect(
      await caught(
        broken(method, op, (y) => y + 2e-5 * Math.max(Math.abs(y), 1)),
        'float32',
        op ?? method,
      ),
    ).toBe(true);
  });

  it.each(targets)('an error of 2e-12 in %s %s, in float64', async (method, op) => {
    expect(
      await caught(
        broken(method, op, (y) => y + 2e-12 * Math.max(Math.abs(y), 1)),
        'float64',
        op ?? method,
      ),
    ).toBe(true);
  });

  // These never give NaN.
  const definite = ['step', 'equal', 'less', 'lessEqual', 'fill', 'cast'];
  it.each(targets.filter(([method, op]) => !definite.includes(op ?? method)))(
    'NaN that becomes 0 in %s %s',
    async (method, op) => {
      const good = createReferenceBackend();
      const kernel = good[method] as Kernel;
      const quiet: Kernel = (...args) => {
        const buffer = kernel(...args);
        if (op !== undefined && args[0] !== op) return buffer;
        const dtype = dtypeIn(args)!;
        const values = good.downloadSync!({ buffer, shape: [], dtype }).map((v) => (Number.isNaN(v) ? 0 : v));
        good.dispose(buffer);
        return good.upload(values, [values.length], dtype);
      };
      expect(await caught({ ...good, [method]: quiet }, 'float32', op ?? method)).toBe(true);
    },
  );

  it('a leak', async () => {
    const good = createReferenceBackend();
    let disposals = 0;
    const leaky: Backend = {
      ...good,
      dispose: (buffer) => {
        if (++disposals % 100 !== 0) good.dispose(buffer);
      },
    };
    expect(await caught(leaky, 'float64')).toBe(true);
  });
});

describe('the suite tolerates', () => {
  it('rounding errors of up to 4 units in the last place, in float32', async () => {
    const random = stream('rounding errors');
    // Whole numbers come out exact on real hardware, and exponents rely on it.
    const off = (v: number): number => (Number.isInteger(v) ? v : v * (1 + 4 * 2 ** -24 * (2 * random() - 1)));
    const good = createReferenceBackend();
    const rough = { ...good } as Record<keyof Backend, unknown>;
    /** Exact on any backend: nothing to round. */
    const exact = [
      'neg',
      'abs',
      'sign',
      'step',
      'floor',
      'relu',
      'equal',
      'less',
      'lessEqual',
      'maximum',
      'minimum',
      'max',
      'min',
    ];
    for (const method of [
      'unary',
      'binary',
      'affine',
      'matMul',
      'reduce',
      'conv2d',
      'conv2dInput',
      'conv2dFilter',
    ] as const) {
      const kernel: (...args: never[]) => Buffer = good[method];
      rough[method] = (...args: never[]) => {
        const buffer = kernel(...args);
        if (exact.includes(String(args[0])) || dtypeIn(args) !== 'float32') return buffer;
        const values = good.downloadSync!({ buffer, shape: [], dtype: 'float32' });
        good.dispose(buffer);
        return good.upload(values.map(off), [values.length], 'float32');
      };
    }
    // Storage is checked to the bit.
    for (const one of cases.filter(({ op, dtype }) => dtype === 'float32' && op !== 'storage')) {
      await expect(one.run(rough as unknown as Backend), one.name).resolves.not.toThrow();
    }
  });
});
