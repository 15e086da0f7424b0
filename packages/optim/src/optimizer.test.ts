import { disposeTree, tensor, type Backend, type Masks, type Params } from '@sparseflow/tensor';
import { createReferenceBackend } from '@sparseflow/tensor/reference';
import { describe, expect, test } from 'vitest';
import { adam, adamW, type AdamOptions } from './adam.ts';
import { chain } from './chain.ts';
import { clipByGlobalNorm, clipByValue } from './clip.ts';
import type { Optimizer } from './optimizer.ts';
import { multiStep } from './schedules.ts';
import { sgd, type SgdOptions } from './sgd.ts';
import { disposeState, tensorsIn } from './stateTree.ts';

/** One weight's trajectory under given gradients, written from the definitions with bias-corrected moments, scalar by scalar. */
type Oracle = (start: number, grads: readonly number[]) => number[];

function adamOracle(
  options: Required<Omit<AdamOptions, 'learningRate'>> & { rate: number; decoupled: boolean },
): Oracle {
  const { rate, beta1, beta2, epsilon, weightDecay, decoupled } = options;
  return (start, grads) => {
    let [x, m, v] = [start, 0, 0];
    return grads.map((gradient, i) => {
      const g = decoupled ? gradient : gradient + weightDecay * x;
      if (decoupled) x = x - rate * weightDecay * x;
      m = beta1 * m + (1 - beta1) * g;
      v = beta2 * v + (1 - beta2) * g * g;
      const mHat = m / (1 - beta1 ** (i + 1));
      const vHat = v / (1 - beta2 ** (i + 1));
      x = x - (rate * mHat) / (Math.sqrt(vHat) + epsilon);
      return x;
    });
  };
}

function sgdOracle(options: Required<Omit<SgdOptions, 'learningRate'>> & { rate: number }): Oracle {
  const { rate, momentum, dampening, nesterov, weightDecay } = options;
  return (start, grads) => {
    let x = start;
    let buffer: number | undefined;
    return grads.map((gradient) => {
      const g = gradient + weightDecay * x;
      buffer = buffer === undefined ? g : momentum * buffer + (1 - dampening) * g;
      x -= rate * (momentum === 0 ? g : nesterov ? g + momentum * buffer : buffer);
      return x;
    });
  };
}

const adamDefaults = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
const sgdDefaults = { momentum: 0, dampening: 0, nesterov: false, weightDecay: 0 };

/** A new optimiser is one entry here. */
const optimizers: [string, Optimizer, Oracle][] = [
  ['adam', adam(), adamOracle({ ...adamDefaults, rate: 1e-3, weightDecay: 0, decoupled: false })],
  [
    'adam, L2 decay',
    adam({ learningRate: 0.05, weightDecay: 0.1 }),
    adamOracle({ ...adamDefaults, rate: 0.05, weightDecay: 0.1, decoupled: false }),
  ],
  ['adamW', adamW(), adamOracle({ ...adamDefaults, rate: 1e-3, weightDecay: 0.01, decoupled: true })],
  [
    'adamW, all options',
    adamW({ learningRate: 0.1, beta1: 0.5, beta2: 0.9, epsilon: 0.01, weightDecay: 0.3 }),
    adamOracle({ rate: 0.1, beta1: 0.5, beta2: 0.9, epsilon: 0.01, weightDecay: 0.3, decoupled: true }),
  ],
  ['sgd', sgd({ learningRate: 0.1 }), sgdOracle({ ...sgdDefaults, rate: 0.1 })],
  [
    'sgd, weight decay',
    sgd({ learningRate: 0.1, weightDecay: 0.2 }),
    sgdOracle({ ...sgdDefaults, rate: 0.1, weightDecay: 0.2 }),
  ],
  [
    'sgd, momentum, dampening and decay',
    sgd({ learningRate: 0.1, momentum: 0.9, dampening: 0.4, weightDecay: 0.2 }),
    sgdOracle({ rate: 0.1, momentum: 0.9, dampening: 0.4, nesterov: false, weightDecay: 0.2 }),
  ],
  [
    'sgd, nesterov',
    sgd({ learningRate: 0.1, momentum: 0.9, nesterov: true, weightDecay: 0.2 }),
    sgdOracle({ rate: 0.1, momentum: 0.9, dampening: 0, nesterov: true, weightDecay: 0.2 }),
  ],
  [
    'clipping that does not bite, then adam',
    chain(clipByGlobalNorm(1e9), clipByValue(1e9), adam()),
    adamOracle({ ...adamDefaults, rate: 1e-3, weightDecay: 0, decoupled: false }),
  ],
];

const STEPS = 12;
const START = { w: [0.5, -1.25, 2, 0.1, -0.7, 1.5], b: [0.3] };
/** Any gradients will do; these change sign and scale. */
const gradientOf = (name: string, i: number, step: number): number =>
  Math.sin(3 * i + step + name.charCodeAt(0)) * 10 ** ((i % 3) - 1);

function startParams(backend: Backend): Params {
  return { w: tensor(new Float64Array(START.w), { backend, shape: [2, 3] }), b: tensor(START.b, { backend }) };
}

function gradients(params: Params, step: number): Params {
  return Object.fromEntries(
    Object.entries(params).map(([name, p]) => {
      const values = Float64Array.from({ length: p.size }, (_, i) => gradientOf(name, i, step));
      return [name, tensor(values, p)];
    }),
  );
}

function run(
  optimizer: Optimizer,
  backend: Backend,
  masks?: Masks,
): { path: Record<string, number[]>[]; live: number[] } {
  let params = startParams(backend);
  let state = optimizer.init(params);
  const path: Record<string, number[]>[] = [];
  const live: number[] = [];
  for (let step = 0; step < STEPS; step++) {
    const grads = gradients(params, step);
    const next = optimizer.update(grads, state, params, { masks });
    disposeTree(grads);
    disposeTree(params);
    disposeState(state);
    ({ params, state } = next);
    path.push(Object.fromEntries(Object.entries(params).map(([name, p]) => [name, [...p.dataSync()]])));
    live.push(backend.liveBuffers());
  }
  disposeTree(params);
  disposeState(state);
  return { path, live };
}

describe.each(optimizers)('%s', (_name, optimizer, oracle) => {
  test('follows its definition', () => {
    const { path } = run(optimizer, createReferenceBackend());
    for (const [name, start] of Object.entries(START)) {
      start.forEach((x, i) => {
        const expected = oracle(
          x,
          Array.from({ length: STEPS }, (_, step) => gradientOf(name, i, step)),
        );
        // About 10 roundings of 1e-16 per step on values of order 1, and 12 steps.
        expected.forEach((value, step) => expect(Math.abs(path[step]![name]![i]! - value)).toBeLessThan(1e-12));
      });
    }
  });

  test('keeps masked weights at exactly 0, and others on their path', () => {
    const backend = createReferenceBackend();
    const masks = {
      w: tensor(
        [
          [1, 0, 1],
          [0, 1, 1],
        ],
        { backend },
      ),
    };
    const masked = run(optimizer, backend, masks).path;
    const free = run(optimizer, backend).path;
    for (const [step, { w, b }] of masked.entries()) {
      expect([w![1], w![3]].every((x) => x === 0)).toBe(true);
      for (const i of [0, 2, 4, 5]) expect(w![i]).toBe(free[step]!['w']![i]);
      expect(b).toEqual(free[step]!['b']);
    }
  });

  test('frees what it makes on the way', () => {
    const backend = createReferenceBackend();
    const { live } = run(optimizer, backend);
    expect(new Set(live).size).toBe(1);
    expect(backend.liveBuffers()).toBe(0);
  });

  test('changes none of its arguments and gives new tensors', () => {
    const backend = createReferenceBackend();
    const params = startParams(backend);
    const state = optimizer.init(params);
    const grads = gradients(params, 0);
    const given = tensorsIn([params, state, grads]);
    const before = [...given].map((x) => x.dataSync());
    const first = optimizer.update(grads, state, params);
    const second = optimizer.update(grads, state, params);
    expect([...given].map((x) => x.dataSync())).toEqual(before);
    expect([...tensorsIn(first)].some((x) => given.has(x))).toBe(false);
    expect(first.params['w']!.dataSync()).toEqual(second.params['w']!.dataSync());
  });

  test('computes in the element type of the parameters', () => {
    const backend = createReferenceBackend({ dtype: 'float32' });
    const params = { w: tensor([1, 2], { backend }) };
    const { params: next, state } = optimizer.update(gradients(params, 0), optimizer.init(params), params);
    expect([...tensorsIn([next, state])].every((x) => x.dtype === 'float32')).toBe(true);
  });

  test('names what does not fit', () => {
    const backend = createReferenceBackend();
    const params = startParams(backend);
    const grads = gradients(params, 0);
    const state = optimizer.init(params);
    const live = backend.liveBuffers();
    const extra = { ...grads, c: grads['b']! };
    expect(() => optimizer.update(extra, state, params)).toThrow(/gradient 'c' belongs to no parameter/);
    expect(() => optimizer.update({ w: grads['w']! }, state, params)).toThrow(/parameter 'b' has no gradient/);
    expect(() => optimizer.update(grads, state, params, { masks: { w: params['b']! } })).toThrow(
      /mask 'w' has shape \[1\], its parameter \[2,3\]/,
    );
    expect(() => optimizer.update(grads, state, params, { masks: { v: params['b']! } })).toThrow(
      /mask 'v' belongs to no parameter/,
    );
    expect(backend.liveBuffers()).toBe(live);
  });
});

describe('learning rate', () => {
  const backend = createReferenceBackend();
  const move = (optimizer: Optimizer, steps: number, learningRate?: number): number => {
    let params: Params = { x: tensor([0], { backend }) };
    let state = optimizer.init(params);
    const grads = { x: tensor([1], { backend }) };
    for (let i = 0; i < steps; i++) ({ params, state } = optimizer.update(grads, state, params, { learningRate }));
    return params['x']!.dataSync()[0]!;
  };

  test('a schedule counts updates from 0', () => {
    const learningRate = multiStep({ initial: 1, milestones: [2, 3], factor: 0.5 });
    expect(move(sgd({ learningRate }), 4)).toBe(-(1 + 1 + 0.5 + 0.25));
    expect(move(adam({ learningRate, epsilon: 0 }), 4)).toBeCloseTo(-2.75, 12);
  });

  test('an override wins', () => {
    expect(move(sgd({ learningRate: 1 }), 2, 0.25)).toBe(-0.5);
    expect(move(chain(clipByValue(0.5), sgd({ learningRate: 1 })), 2, 0.25)).toBe(-0.25);
  });

  test('must be a number that makes sense', () => {
    expect(() => move(sgd({ learningRate: NaN }), 1)).toThrowErrorMatchingInlineSnapshot(
      `[ValueError: sgd: learning rate NaN at step 0. To fix: give a finite, non-negative number.]`,
    );
    expect(() => move(adam({ learningRate: () => -1 }), 1)).toThrow(/learning rate -1 at step 0/);
  });
});

test('options out of range are refused', () => {
  expect(() => adam({ beta1: 1 })).toThrowErrorMatchingInlineSnapshot(
    `[ValueError: adam: beta1 is 1. To fix: give a number in [0, 1).]`,
  );
  expect(() => adam({ beta2: -0.1 })).toThrow(/beta2/);
  expect(() => adamW({ weightDecay: NaN })).toThrow(/weightDecay/);
  expect(() => sgd({ learningRate: 1, momentum: -1 })).toThrow(/momentum/);
});

test('a step is one kernel for each parameter where the backend has one', () => {
  const calls: string[] = [];
  const reference = createReferenceBackend();
  const backend: Backend = new Proxy(reference, {
    get(target, property, receiver) {
      if (property === 'fused') {
        return {
          adamUpdate: (inputs: readonly unknown[]) => {
            calls.push(`adamUpdate of ${inputs.length}`);
            return [0, 1, 2].map(() => reference.fill([2], 0, 'float64'));
          },
        };
      }
      const value: unknown = Reflect.get(target, property, receiver);
      if (typeof value === 'function') calls.push(String(property));
      return value;
    },
  });
  const make = (): Params[string] => tensor([1, 2], { backend });
  const params = { a: make(), b: make() };
  const masks = { b: make() };
  const grads = { a: make(), b: make() };
  for (const optimizer of [adam(), adamW()] as Optimizer[]) {
    const state = optimizer.init(params);
    calls.length = 0;
    optimizer.update(grads, state, params, { masks });
    expect(calls).toEqual(['adamUpdate of 4', 'adamUpdate of 5']);
  }
});

test('a masked model under weight decay and momentum stays sparse for 100 steps', () => {
  const backend = createReferenceBackend({ dtype: 'float32' });
  const masks = { w: tensor([1, 0, 1, 0], { backend }) };
  for (const optimizer of [
    adamW({ learningRate: 0.1, weightDecay: 0.1 }),
    adam({ learningRate: 0.1, weightDecay: 0.1 }),
    sgd({ learningRate: 0.1, momentum: 0.9, weightDecay: 0.1 }),
  ] as Optimizer[]) {
    let params: Params = { w: tensor([1, 1, 1, 1], { backend }) };
    let state = optimizer.init(params);
    for (let step = 0; step < 100; step++) {
      ({ params, state } = optimizer.update(gradients(params, step), state, params, { masks }));
      const [w0, w1, w2, w3] = params['w']!.dataSync();
      expect([w1 === 0, w3 === 0, w0 === 0, w2 === 0]).toEqual([true, true, false, false]);
    }
  }
});
