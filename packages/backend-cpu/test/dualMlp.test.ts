import {
  activations,
  dualMlp,
  dualMlpWithVjp,
  jvp,
  key,
  normal,
  scope,
  tensor,
  vjp,
  type ActivationName,
  type Backend,
  type DType,
  type Tensor,
} from '@sparseflow/tensor';
import { createReferenceBackend } from '@sparseflow/tensor/reference';
import { describe, expect, it } from 'vitest';
import { firstDifference } from '../../../test-support/bits.ts';
import { machines } from './available.ts';
import { drawNetwork, largestOf, layersOf, type DualNetwork } from './dualNetwork.ts';

const reference = createReferenceBackend();

interface Problem extends DualNetwork {
  /** Changes values before they are uploaded. */
  readonly spoil?: (name: string, values: Float32Array) => void;
}

/** Outputs and all cotangents of one dual pass, by name, on a backend. The numbers going in are the same float32 for all. */
function evaluate(problem: Problem, backend: Backend, dtype: DType): Map<string, ArrayLike<number>> {
  const { batch, count, sizes, activation } = problem;
  const out = sizes.at(-1)!;
  let seed = 0;
  const draw = (name: string, spread: number, ...shape: number[]): Tensor => {
    const size = shape.reduce((a, b) => a * b, 1);
    const values = Float32Array.from(normal(key(seed++), size), (v) => v * spread);
    problem.spoil?.(name, values);
    return tensor(values, { backend, shape, dtype });
  };
  return scope(() => {
    const leaves = drawNetwork(problem, draw);
    const ct = { value: draw('ct', 1, batch, out), tangent: draw('dct', 1, count, batch, out) };
    const { value, pullback } = vjp(
      (t: Record<string, Tensor>) => dualMlp(t['x']!, t['dx']!, layersOf(problem, t), activation),
      leaves,
    );
    const cotangents = pullback(ct);
    const results = new Map<string, ArrayLike<number>>();
    for (const [name, t] of Object.entries({ ...value, ...cotangents })) results.set(name, t.dataSync());
    // The derivative of everything along a direction of everything: the kernels of Hessian-vector products.
    const forward = ({ x, dx, ...t }: Record<string, Tensor>): { value: Tensor; tangent: Tensor } =>
      dualMlp(x!, dx!, layersOf(problem, t), activation);
    const direction = Object.fromEntries(
      Object.entries(leaves).map(([name, t]) => [name, draw(`direction of ${name}`, 0.5, ...t.shape)]),
    );
    const turned = {
      value: draw('direction of ct', 0.5, batch, out),
      tangent: draw('direction of dct', 0.5, count, batch, out),
    };
    const first = jvp(forward, leaves, direction).tangent;
    const second = jvp(
      (all: { leaves: Record<string, Tensor>; ct: typeof ct }) => vjp(forward, all.leaves).pullback(all.ct),
      { leaves, ct },
      { leaves: direction, ct: turned },
    ).tangent;
    for (const [name, t] of Object.entries({ ...first, ...second })) results.set(`${name} along`, t.dataSync());
    const both = dualMlpWithVjp(leaves['x']!, leaves['dx']!, layersOf(problem, leaves), activation, ct);
    const { x, tangents: dx, layers } = both.cotangents;
    const gradients = layers.flatMap((layer, l) =>
      Object.entries(layer).map(([name, t]) => [`${name}${l}`, t] as const),
    );
    for (const [name, t] of Object.entries({
      value: both.value,
      tangent: both.tangent,
      x,
      dx,
      ...Object.fromEntries(gradients),
    })) {
      if (t) results.set(`${name} at once`, t.dataSync());
    }
    return results;
  });
}

/** Results that are sums of the same kind: what one of them cancels down to says nothing about the size of its terms. */
const group = (name: string): string =>
  `${name.match(/\d+/) ? 'parameters' : ['x', 'dx'].includes(name.split(' ')[0]!) ? 'inputs' : 'outputs'} ${name.split(' ')[1] ?? ''}`;

/**
 * The largest error of any result, relative to the largest entry of its group. float32 rounds at 6e-8; sums of up to 130 samples
 * and 45 features through four layers, forward and back, leave some tens of that.
 */
function worstError(actual: Map<string, ArrayLike<number>>, expected: Map<string, ArrayLike<number>>): number {
  const largest: Record<string, number> = {};
  for (const [name, e] of expected) largest[group(name)] = Math.max(largest[group(name)] ?? 0, largestOf(e));
  let worst = 0;
  for (const [name, e] of expected) {
    const a = actual.get(name)!;
    expect(a.length, name).toBe(e.length);
    // Along a direction each product becomes three.
    const unit = largest[group(name)]! * (name.endsWith('along') ? 3 : 1);
    for (let i = 0; i < e.length; i++) if (a[i] !== e[i]) worst = Math.max(worst, Math.abs(a[i]! - e[i]!) / unit);
  }
  return worst;
}

/** Wider than narrow_width of native/panels.hpp, and with more samples than are kept at once. */
const WIDE: Problem = {
  batch: 1030,
  count: 1,
  sizes: [5, 257, 6],
  activation: 'tanh',
  bias: true,
  scale: true,
  shift: true,
};
let wide: Map<string, ArrayLike<number>> | undefined;

const BATCHES = [0, 1, 2, 3, 7, 15, 16, 17, 33, 63, 64, 65, 130];
const COUNTS = [0, 1, 2, 3];

describe.each(machines)('$name', ({ create }) => {
  const backend = create({ threads: 2 });

  describe.each(Object.keys(activations) as ActivationName[])('dualMlp, %s', (activation) => {
    it('agrees with the decomposition in float64 for widths 1 to 33, odd batches and any gates', () => {
      for (let width = 1; width <= 33; width++) {
        const problem: Problem = {
          batch: BATCHES[width % BATCHES.length]!,
          count: COUNTS[width % COUNTS.length]!,
          sizes: [1 + (width % 6), width, 34 - width, 1 + (width % 5)],
          activation,
          bias: width % 2 === 0,
          scale: width % 3 !== 0,
          shift: width % 5 < 3,
        };
        const error = worstError(evaluate(problem, backend, 'float32'), evaluate(problem, reference, 'float64'));
        expect(error, JSON.stringify(problem)).toBeLessThan(4e-6);
      }
    });

    // Their kernel sums lanes over as many units as a vector has, and takes full blocks alone.
    it('agrees in flows of the plane with one hidden layer', () => {
      for (const [i, width] of [1, 2, 7, 8, 9, 15, 16, 17, 24, 25, 33, 128].entries()) {
        const problem: Problem = {
          batch: 55 + 11 * i,
          count: 1 + (i % 2),
          sizes: [2, width, 2],
          activation,
          bias: i % 3 > 0,
          scale: i % 4 === 1,
          shift: i % 5 > 2,
        };
        const error = worstError(evaluate(problem, backend, 'float32'), evaluate(problem, reference, 'float64'));
        expect(error, JSON.stringify(problem)).toBeLessThan(4e-6);
      }
    });

    it('agrees with 43 tangents', () => {
      const problem = { batch: 21, count: 43, sizes: [43, 45, 43], activation, bias: true, scale: true, shift: true };
      const error = worstError(evaluate(problem, backend, 'float32'), evaluate(problem, reference, 'float64'));
      expect(error).toBeLessThan(4e-6);
    });
  });

  // More tasks of the gradient than threads count at once. 2^18 terms of one sign, added one by one,
  // lose between √2^18 · 2^-24 = 3e-5 and 2^18 · 2^-24 = 1.6e-2 of their sum; a task that is left out would show as 1.
  it('agrees in a network of 2^18 units', () => {
    const problem = { ...WIDE, batch: 3, sizes: [5, 2 ** 18, 5, 2 ** 18, 5] };
    const leaves = (on: Backend, dtype: DType): Tensor[] => {
      const draw = (seed: number, spread: number, ...shape: number[]): Tensor => {
        const values = Float32Array.from(
          { length: shape.reduce((a, b) => a * b, 1) },
          (_, i) => spread * (1.2 + Math.sin(seed + i)),
        );
        return tensor(values, { backend: on, shape, dtype });
      };
      const weights = problem.sizes
        .slice(1)
        .map((width, l) => draw(l, 1 / problem.sizes[l]!, width, problem.sizes[l]!));
      return [draw(7, 1, 3, 5), draw(8, 1, 1, 3, 5), ...weights];
    };
    const run = (on: Backend, dtype: DType): ArrayLike<number>[] =>
      scope(() => {
        const forward = ([x, dx, ...weights]: Tensor[]): Tensor[] => {
          const { value, tangent } = dualMlp(
            x!,
            dx!,
            weights.map((weight) => ({ weight })),
            'tanh',
          );
          return [value, tangent];
        };
        const all = leaves(on, dtype);
        const { value, pullback } = vjp(forward, all);
        return [...value, ...pullback(value)].map((t) => t.dataSync());
      });
    const [actual, expected] = [run(backend, 'float32'), run(reference, 'float64')];
    actual.forEach((a, i) => {
      let [worst, largest] = [0, 0];
      for (let j = 0; j < a.length; j++) {
        worst = Math.max(worst, Math.abs(a[j]! - expected[i]![j]!));
        largest = Math.max(largest, Math.abs(expected[i]![j]!));
      }
      expect(worst / largest, `result ${i}`).toBeLessThan(1e-3);
    });
  });

  it('agrees with the decomposition in a wide network, for few samples and for nine tangents too', () => {
    wide ??= evaluate(WIDE, reference, 'float64');
    expect(worstError(evaluate(WIDE, backend, 'float32'), wide)).toBeLessThan(4e-6);
    for (const change of [{ batch: 1 }, { batch: 0 }, { batch: 3, count: 9 }]) {
      const problem = { ...WIDE, ...change };
      const error = worstError(evaluate(problem, backend, 'float32'), evaluate(problem, reference, 'float64'));
      expect(error, JSON.stringify(change)).toBeLessThan(4e-6);
    }
  });

  it.each([
    ['a planar', { ...WIDE, count: 2, sizes: [2, 128, 2] }],
    ['a narrow', { ...WIDE, count: 2, sizes: [2, 100, 100, 2] }],
    ['a wide', WIDE],
  ])('is bit-identical for 1, 2 and 8 threads in %s network', (_, problem) => {
    const [one, ...others] = [1, 2, 8].map((threads) => evaluate(problem, create({ threads }), 'float32'));
    for (const other of others) {
      expect([...other.keys()]).toEqual([...one!.keys()]);
      for (const [name, values] of one!) expect(firstDifference(other.get(name)!, values), name).toBe(undefined);
    }
  });

  it.each([Number.NaN, Infinity, -Infinity])('keeps %s of one sample to that sample', (bad) => {
    const clean: Problem = {
      batch: 70,
      count: 1,
      sizes: [3, 9, 2],
      activation: 'relu',
      bias: true,
      scale: false,
      shift: false,
    };
    const expected = evaluate(clean, backend, 'float32');
    const actual = evaluate(
      { ...clean, spoil: (name, v) => name === 'x' && (v[3 * 68 + 1] = bad) },
      backend,
      'float32',
    );
    for (const [name, width] of [
      ['value', 2],
      ['tangent', 2],
      ['x', 3],
      ['dx', 3],
    ] as const) {
      const differ = Array.from(actual.get(name)!, (v, i) =>
        Object.is(v, expected.get(name)![i]) ? -1 : Math.floor(i / width),
      );
      expect(new Set(differ.filter((row) => row >= 0 && row !== 68)), name).toEqual(new Set());
    }
    expect(
      Array.from(actual.get('value')!)
        .slice(2 * 68, 2 * 69)
        .some(Number.isFinite),
    ).toBe(false);
    expect(Array.from(actual.get('weight0')!).every(Number.isFinite)).toBe(false);
  });

  // Lanes behind the last sample hold W · 0, which is NaN for an infinite W: they must not reach a gradient.
  it('an infinite weight spoils what it spoils in the decomposition, and no more', () => {
    const hidden = [[6, 7], [6]];
    for (const [batch, widths] of [5, 64, 70].flatMap((batch) => hidden.map((widths) => [batch, widths] as const))) {
      const problem: Problem = {
        batch,
        count: 1,
        sizes: [2, ...widths, 2],
        activation: 'relu',
        bias: true,
        scale: false,
        shift: false,
        // Positive inputs: relu(−∞) is a finite 0.
        spoil: (name, v) => {
          if (name === 'x') v.forEach((value, i) => (v[i] = Math.abs(value)));
          if (name === 'weight0') v.set([-Infinity, 0.5]);
        },
      };
      const actual = evaluate(problem, backend, 'float32');
      for (const [name, e] of evaluate(problem, reference, 'float64')) {
        expect(Array.from(actual.get(name)!, Number.isFinite), name).toEqual(Array.from(e, Number.isFinite));
      }
    }
  });

  it('declines what has no kernel: float64, and networks that are too deep', () => {
    const problem = {
      batch: 3,
      count: 1,
      sizes: [2, 3, 2],
      activation: 'tanh',
      bias: true,
      scale: false,
      shift: false,
    } as const;
    expect(evaluate(problem, backend, 'float64')).toEqual(evaluate(problem, reference, 'float64'));
    const deep = { ...problem, sizes: new Array<number>(70).fill(2) };
    expect(worstError(evaluate(deep, backend, 'float32'), evaluate(deep, reference, 'float64'))).toBeLessThan(1e-4);
  });

  it('frees every buffer', () => {
    const before = backend.liveBuffers();
    evaluate(
      { batch: 9, count: 1, sizes: [2, 5, 2], activation: 'elu', bias: true, scale: true, shift: true },
      backend,
      'float32',
    );
    expect(backend.liveBuffers()).toBe(before);
  });
});
