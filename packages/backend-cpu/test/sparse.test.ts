import {
  adamUpdate,
  disposeTree,
  dualMlp,
  key,
  mul,
  normal,
  scope,
  ShapeError,
  tensor,
  uniform,
  ValueError,
  vjp,
  type Backend,
  type Params,
  type Tensor,
} from '@sparseflow/tensor';
import { describe, expect, it } from 'vitest';
import { createCpuBackend, layoutOf, sparsify, type WeightLayout } from '../src/index.ts';
import { firstDifference } from '../../../test-support/bits.ts';
import { machines } from './available.ts';

interface Problem {
  readonly batch: number;
  readonly count: number;
  readonly sizes: readonly number[];
  readonly keep: number;
  readonly gates: boolean;
}

/** Parameters and 0-1 masks of the weights. */
function network({ sizes, keep, gates }: Problem, backend: Backend): { params: Params; masks: Params } {
  const params: Record<string, Tensor> = {};
  const masks: Record<string, Tensor> = {};
  let seed = 0;
  const draw = (scale: number, ...shape: number[]): Tensor => {
    const values = normal(key(seed++), shape.reduce((a, b) => a * b, 1)).map((v) => v * scale); // prettier-ignore
    return tensor(values, { backend, shape });
  };
  sizes.slice(1).forEach((out, l) => {
    const shape = [out, sizes[l]!];
    params[`weight${l}`] = draw(1 / Math.sqrt(shape[1]! * keep + 1), ...shape);
    params[`bias${l}`] = draw(1, out);
    if (gates) {
      params[`scale${l}`] = draw(1, out);
      params[`shift${l}`] = draw(1, out);
    }
    const kept = uniform(key(1000 + l), out * shape[1]!).map((u) => Number(u < keep));
    masks[`weight${l}`] = tensor(kept, { backend, shape });
  });
  return { params, masks };
}

/** Outputs and cotangents, those of weights times their mask. */
function evaluate(
  problem: Problem,
  params: Params,
  masks: Params,
  backend: Backend,
): Record<string, ArrayLike<number>> {
  const { batch, count, sizes } = problem;
  return scope(() => {
    const make = (seed: number, ...shape: number[]): Tensor =>
      tensor(normal(key(seed), shape.reduce((a, b) => a * b, 1)), { backend, shape }); // prettier-ignore
    const leaves = { ...params, x: make(1, batch, sizes[0]!), dx: make(2, count, batch, sizes[0]!) };
    const { value, pullback } = vjp(
      (t: Record<string, Tensor>) =>
        dualMlp(
          t['x']!,
          t['dx']!,
          sizes.slice(1).map((_, l) => ({
            weight: t[`weight${l}`]!,
            bias: t[`bias${l}`],
            scale: t[`scale${l}`],
            shift: t[`shift${l}`],
          })),
          'tanh',
        ),
      leaves,
    );
    const out = sizes.at(-1)!;
    const cotangents = pullback({ value: make(3, batch, out), tangent: make(4, count, batch, out) });
    return Object.fromEntries(
      Object.entries({ ...value, ...cotangents }).map(([name, t]) => [
        name,
        (masks[name] ? mul(t, masks[name]) : t).dataSync(),
      ]),
    );
  });
}

/** The largest difference of a kind of result, relative to the largest entry of that kind. */
function difference(actual: Record<string, ArrayLike<number>>, expected: Record<string, ArrayLike<number>>): number {
  const largest: Record<string, number> = {};
  const kind = (name: string): string => name.replace(/\d+/, '');
  for (const [name, e] of Object.entries(expected))
    largest[kind(name)] = Math.max(largest[kind(name)] ?? 0, ...Array.from(e, Math.abs));
  let worst = 0;
  for (const [name, e] of Object.entries(expected)) {
    expect(actual[name]!.length).toBe(e.length);
    for (let i = 0; i < e.length; i++) {
      const d = Math.abs(actual[name]![i]! - e[i]!);
      if (!(d === 0)) worst = Math.max(worst, Number.isNaN(d) ? Infinity : d / largest[kind(name)]!);
    }
  }
  return worst;
}

const problems: readonly Problem[] = [
  { batch: 130, count: 1, sizes: [2, 64, 64, 2], keep: 0.2, gates: false },
  { batch: 65, count: 1, sizes: [3, 150, 97, 3], keep: 0.1, gates: true },
  { batch: 17, count: 3, sizes: [5, 33, 70, 4], keep: 0.5, gates: true },
  // Several tiles, forth and back, on every instruction set.
  { batch: 100, count: 2, sizes: [3, 310, 12, 300, 3], keep: 0.2, gates: true },
  { batch: 1, count: 0, sizes: [1, 9, 1], keep: 0.3, gates: false },
  { batch: 0, count: 2, sizes: [4, 20, 4], keep: 0.3, gates: true },
  { batch: 70, count: 2, sizes: [4, 20, 30, 4], keep: 0, gates: false },
  { batch: 70, count: 1, sizes: [4, 20, 30, 4], keep: 1, gates: true },
];

describe.each(machines)('$name', ({ create }) => {
  const backend = create({ threads: 2 });

  // A sum in another order differs by some units in the last place, 6e-8.
  it.each(['tiled', 'csr', 'dense'] as const)('%s weights give what masked dense ones give', (layout) => {
    for (const problem of problems) {
      const { params, masks } = network(problem, backend);
      const sparse = sparsify(params, masks, { layout });
      const plain = scope(() =>
        Object.fromEntries(
          Object.entries(params).map(([name, p]) => [name, masks[name] ? mul(p, masks[name]) : mul(p, 1)]),
        ),
      );
      const expected = evaluate(problem, plain, masks, backend);
      // Not masked again: gradients of pruned weights are 0 already.
      const actual = evaluate(problem, sparse, {}, backend);
      expect(difference(actual, expected), JSON.stringify(problem)).toBeLessThan(1e-6);
      disposeTree([...[params, masks, sparse, plain].flatMap((record) => Object.values(record))]);
    }
    expect(backend.liveBuffers()).toBe(0);
  });

  // Lanes behind the last sample hold W · 0, which is NaN for an infinite W: they must not reach a gradient.
  it.each(['tiled', 'csr'] as const)(
    'an infinite weight that is %s spoils what a dense one does, and no more',
    (layout) => {
      for (const batch of [5, 64, 70]) {
        const problem: Problem = { batch, count: 1, sizes: [2, 6, 7, 2], keep: 1, gates: false };
        const { params, masks } = network(problem, backend);
        const weight0 = tensor([-Infinity, ...normal(key(9), 11)], { backend, shape: [6, 2] });
        const spoiled = { ...params, weight0 };
        const expected = evaluate(problem, spoiled, {}, backend);
        const actual = evaluate(problem, sparsify(spoiled, masks, { layout }), {}, backend);
        expect(Array.from(expected['weight1']!).every(Number.isFinite)).toBe(false);
        expect(Array.from(expected['bias2']!).every(Number.isFinite)).toBe(true);
        for (const [name, e] of Object.entries(expected)) {
          expect(Array.from(actual[name]!, Number.isFinite), name).toEqual(Array.from(e, Number.isFinite));
        }
      }
    },
  );

  it('gives the same bits for 1, 2 and 8 threads', () => {
    const problem: Problem = { batch: 1030, count: 1, sizes: [2, 310, 130, 300, 2], keep: 0.15, gates: true };
    const [one, ...others] = [1, 2, 8].map((threads) => {
      const own = create({ threads });
      const { params, masks } = network(problem, own);
      return evaluate(problem, sparsify(params, masks), {}, own);
    });
    for (const other of others) {
      expect(Object.keys(other)).toEqual(Object.keys(one!));
      for (const [name, values] of Object.entries(one!))
        expect(firstDifference(other[name]!, values), name).toBe(undefined);
    }
  });
});

describe('sparsify', () => {
  const backend = createCpuBackend();
  const mask = (size: number, keep: number): Tensor =>
    tensor(
      Float32Array.from({ length: size * size }, (_, i) => Number((i * 0.618034) % 1 < keep)),
      {
        backend,
        shape: [size, size],
      },
    );
  const weight = (size: number): Tensor => tensor(normal(key(1), size * size), { backend, shape: [size, size] });

  it.each<[number, number, WeightLayout]>([
    [100, 0.9, 'dense'],
    [100, 0.3, 'tiled'],
    [100, 0.05, 'csr'],
    [4, 0.05, 'dense'],
  ])('chooses for a weight of width %d that keeps %d the layout %s', (size, keep, layout) => {
    const sparse = sparsify({ w: weight(size), b: weight(2) }, { w: mask(size, keep) });
    expect(layoutOf(sparse['w']!)).toBe(layout);
    expect(layoutOf(sparse['b']!)).toBe('dense');
    // What has no mask of its own stays what it is.
    expect(layoutOf(sparsify(sparse, {})['w']!)).toBe(layout);
  });

  it('lasts through updates with the same mask, and through no others', () => {
    const [m, other] = [mask(50, 0.05), mask(50, 0.05)];
    const param = sparsify({ w: weight(50) }, { w: m })['w']!;
    const [gradient, mean, variance] = [weight(50), weight(50), mul(weight(50), 0)];
    const constants = {
      learningRate: 0.1,
      beta1: 0.9,
      beta2: 0.99,
      epsilon: 1e-8,
      weightDecay: 0,
      decoupled: true,
      step: 1,
    };
    const update = (by?: Tensor) => adamUpdate({ param, gradient, mean, variance, mask: by }, constants).param;
    expect(layoutOf(update(m))).toBe('csr');
    expect(layoutOf(update(other))).toBe('dense');
    expect(layoutOf(update())).toBe('dense');
    expect(() => update(mask(49, 0.05))).toThrow(ShapeError);
  });

  it('names a mask that does not match', () => {
    expect(() => sparsify({ w: weight(3) }, { v: mask(3, 1) })).toThrow(ValueError);
    expect(() => sparsify({ w: weight(3) }, { w: mask(4, 1) })).toThrow(ShapeError);
    const gone = mask(3, 1);
    gone.dispose();
    expect(() => sparsify({ w: weight(3) }, { w: gone })).toThrow(/disposed/);
  });
});
