import {
  activations,
  adamUpdate,
  disposeTree,
  dualMlp,
  dualMlpWithVjp,
  key,
  linearCombination,
  normal,
  rowDots,
  scaledErrorNorm,
  scaleRows,
  sizeOf,
  tensor,
  vjp,
  type ActivationName,
  type Backend,
  type DualLayer,
  type FusedKernel,
  type Params,
  type Shape,
  type Tensor,
} from '@sparseflow/tensor';
import { createReferenceBackend } from '@sparseflow/tensor/reference';
import { describe, expect, it } from 'vitest';
import type { TfjsBackend } from '../src/index.ts';

/** The same backend, which notes for each fused kernel whether it ran or declined. */
function observed(backend: Backend): { backend: Backend; ran: Set<string>; declined: Set<string> } {
  const [ran, declined] = [new Set<string>(), new Set<string>()];
  const fused = Object.entries(backend.fused ?? {}).map(([name, kernel]): [string, FusedKernel] => [
    name,
    (...call) => {
      const results = kernel(...call);
      (results ? ran : declined).add(name);
      return results;
    },
  ]);
  return { backend: { ...backend, fused: Object.fromEntries(fused) }, ran, declined };
}

interface Problem {
  readonly batch: number;
  readonly count: number;
  readonly sizes: readonly number[];
  readonly activation?: ActivationName;
  readonly bias?: boolean;
  readonly scale?: boolean;
  readonly shift?: boolean;
  /** Spoils this entry of x. */
  readonly nanAt?: number;
}

type Results = Record<string, ArrayLike<number>>;

/** Outputs and all cotangents of one dual pass, by name. The numbers going in are the same float32 for all backends. */
async function evaluate(problem: Problem, backend: Backend): Promise<Results> {
  const { batch, count, sizes, activation = 'tanh', bias = true, scale = false, shift = false } = problem;
  const out = sizes.at(-1)!;
  let seed = 0;
  const draw = (spread: number, ...shape: number[]): Tensor => {
    const values = Float32Array.from(normal(key(seed++), sizeOf(shape)), (v) => v * spread);
    if (seed === 1 && problem.nanAt !== undefined) values[problem.nanAt] = NaN;
    return tensor(values, { backend, shape });
  };
  const leaves: Record<string, Tensor> = { x: draw(1, batch, sizes[0]!), dx: draw(1, count, batch, sizes[0]!) };
  sizes.slice(1).forEach((width, l) => {
    leaves[`weight${l}`] = draw(1.5 / Math.sqrt(sizes[l]!), width, sizes[l]!);
    if (bias) leaves[`bias${l}`] = draw(1, width);
    if (scale) leaves[`scale${l}`] = draw(1, width);
    if (shift) leaves[`shift${l}`] = draw(1, width);
  });
  const ct = { value: draw(1, batch, out), tangent: draw(1, count, batch, out) };
  const layersOf = (t: Params): DualLayer[] =>
    sizes.slice(1).map((_, l) => ({
      weight: t[`weight${l}`]!,
      bias: t[`bias${l}`],
      scale: t[`scale${l}`],
      shift: t[`shift${l}`],
    }));
  const run = (t: Params): { value: Tensor; tangent: Tensor } => dualMlp(t['x']!, t['dx']!, layersOf(t), activation);
  const { value, pullback, dispose } = vjp(run, leaves);
  const cotangents = pullback(ct);
  const both = dualMlpWithVjp(leaves['x']!, leaves['dx']!, layersOf(leaves), activation, ct);
  const gradients = both.cotangents.layers.flatMap((layer, l) =>
    Object.entries(layer).flatMap(([name, t]) => (t ? [[`${name}${l}`, t] as const] : [])),
  );
  const atOnce = { value: both.value, tangent: both.tangent, x: both.cotangents.x, dx: both.cotangents.tangents, ...Object.fromEntries(gradients) }; // prettier-ignore
  const results: Record<string, Tensor> = {
    ...value,
    ...cotangents,
    ...Object.fromEntries(Object.entries(atOnce).map(([name, t]) => [`${name} at once`, t])),
  };
  const read: Results = {};
  for (const [name, t] of Object.entries(results)) read[name] = await t.data();
  dispose();
  disposeTree([leaves, ct, results]);
  return read;
}

/** Results that are sums of the same kind: what one of them cancels down to says nothing about the size of its terms. */
const groupOf = (name: string): string => (/\d/.test(name) ? 'parameters' : /^d?x/.test(name) ? 'inputs' : 'outputs');

/** The largest error of any result, relative to the largest entry of its group; NaN counts where only one side has it. */
function worstError(actual: Results, expected: Results): number {
  const largest: Record<string, number> = {};
  for (const [name, values] of Object.entries(expected)) {
    for (const v of Array.from(values)) largest[groupOf(name)] = Math.max(largest[groupOf(name)] ?? 0, Math.abs(v));
  }
  let worst = 0;
  for (const [name, values] of Object.entries(expected)) {
    expect(actual[name], name).toHaveLength(values.length);
    const unit = largest[groupOf(name)]!;
    for (let i = 0; i < values.length; i++) {
      if (!Object.is(actual[name]![i], values[i]))
        worst = Math.max(worst, Math.abs(actual[name]![i]! - values[i]!) / unit);
    }
  }
  return worst;
}

/**
 * float32 rounds at 6e-8, and exp may be off by 3 + 2|x| units (WGSL 15.7), some 1e-6 at the |x| of 5 that occur here; four layers forward and
 * back multiply that by less than ten.
 */
const BOUND = 1e-5;

/** Against the decomposition in float64, in whose place each kernel runs. */
export function registerFusedTests(create: () => Promise<TfjsBackend>): void {
  const check = async (problem: Problem): Promise<ReturnType<typeof observed>> => {
    const device = await create();
    const before = device.liveBuffers();
    const watched = observed(device);
    const actual = await evaluate(problem, watched.backend);
    expect(worstError(actual, await evaluate(problem, createReferenceBackend()))).toBeLessThan(BOUND);
    expect(device.liveBuffers()).toBe(before);
    return watched;
  };
  const kernels = ['dualMlp', 'dualMlpVjp', 'dualMlpWithVjp'];

  describe('dual passes', () => {
    // Together all widths from 1 to 35.
    it.each((Object.keys(activations) as ActivationName[]).map((activation, i) => ({ activation, i })))(
      '$activation',
      async ({ activation, i }) => {
        const { ran, declined } = await check({
          activation,
          sizes: [1, 2, 3, 4, 5].map((w) => 5 * i + w),
          batch: [1, 2, 3, 17, 33, 65, 130][i]!,
          count: [1, 0, 3, 2, 1, 2, 3][i]!,
          bias: i % 2 === 0,
          scale: i % 3 !== 1,
          shift: i % 4 < 2,
        });
        expect([...ran]).toEqual(kernels);
        expect([...declined]).toEqual([]);
      },
    );

    it.each<[string, Problem]>([
      ['many samples in each workgroup, and more rows than one sums up', { batch: 700, count: 1, sizes: [2, 4, 2] }],
      ['tangents over several workgroups', { batch: 3, count: 9, sizes: [4, 6, 4], scale: true }],
      ['a width of 128', { batch: 3, count: 1, sizes: [2, 128, 2] }],
      ['layer by layer: just too wide', { batch: 2, count: 1, sizes: [2, 129, 2] }],
      ['layer by layer: one wide layer', { batch: 65, count: 2, sizes: [131, 2], scale: true }],
      ['layer by layer: values alone', { batch: 70, count: 0, sizes: [3, 200, 150, 1] }],
      [
        'layer by layer: several parts of tangents, all gates',
        { batch: 35, count: 5, sizes: [5, 140, 30, 6], scale: true, shift: true, activation: 'swish' },
      ],
      ['layer by layer: no curvature', { batch: 33, count: 3, sizes: [130, 4, 130], activation: 'relu' }],
      ['a single layer', { batch: 5, count: 2, sizes: [3, 2], shift: true }],
    ])('%s', async (_, problem) => {
      const { ran } = await check(problem);
      expect([...ran]).toEqual(kernels);
    });

    it.each([['without samples', { batch: 0, count: 1, sizes: [2, 3, 2] }]])('%s: decomposed', async (_, problem) => {
      const { ran, declined } = await check(problem);
      expect([...ran].filter((name) => kernels.includes(name))).toEqual([]);
      expect(kernels.filter((name) => declined.has(name))).toEqual(kernels);
    });

    it('gives the same bits each time', async () => {
      const problem = { batch: 700, count: 1, sizes: [2, 4, 2] };
      expect(await evaluate(problem, await create())).toEqual(await evaluate(problem, await create()));
    });

    it('keeps NaN of one sample to that sample', async () => {
      const problem = { batch: 700, count: 1, sizes: [2, 4, 2] };
      const clean = await evaluate(problem, await create());
      const spoilt = await evaluate({ ...problem, nanAt: 2 * 340 + 1 }, await create());
      for (const name of ['value', 'tangent', 'x', 'dx']) {
        const changed = Array.from(spoilt[name]!, (v, i) => (Object.is(v, clean[name]![i]) ? -1 : Math.floor(i / 2)));
        expect(new Set(changed), name).toEqual(new Set([-1, 340]));
      }
      expect(Array.from(spoilt['weight0']!).every(Number.isNaN)).toBe(true);
    });
  });

  describe('vectors', () => {
    /** Runs on both backends with the same numbers, of both signs or between .5 and 2. */
    const compare = async (
      name: string,
      shapes: readonly Shape[],
      f: (inputs: Tensor[]) => readonly Tensor[],
      prepare: (values: Float32Array, operand: number) => void = () => {},
    ): Promise<void> => {
      const run = async (backend: Backend): Promise<Results> => {
        const inputs = shapes.map((shape, i) => {
          const values = Float32Array.from(normal(key(i), sizeOf(shape)));
          prepare(values, i);
          return tensor(values, { backend, shape });
        });
        const outputs = f(inputs);
        const read = await Promise.all(outputs.map(async (y, i) => [`${i}`, await y.data()] as const));
        disposeTree([inputs, outputs]);
        return Object.fromEntries(read);
      };
      const device = observed(await create());
      expect(worstError(await run(device.backend), await run(createReferenceBackend()))).toBeLessThan(1e-6);
      expect([...device.ran]).toEqual([name]);
    };

    it.each([1, 6, 7, 13])('a linear combination of %i terms, without those whose coefficient is 0', async (terms) => {
      const coefficients = Array.from({ length: terms + 1 }, (_, i) => (i === 0 ? 0 : 1 / i - 0.3));
      await compare(
        'linearCombination',
        coefficients.map(() => [7, 19]),
        (xs) => [linearCombination(xs, coefficients)],
        (values, i) => i === 0 && values.fill(NaN),
      );
    });

    it('an error norm over three parts, of one number and of many', async () => {
      const shapes: Shape[] = [[], [300, 2], [70000]];
      await compare('scaledErrorNorm', [...shapes, ...shapes, ...shapes], (all) => [
        scaledErrorNorm(all.slice(0, 3), all.slice(3, 6), all.slice(6), { rtol: 0.25, atol: 0.125 }),
      ]);
    });

    it.each([
      { decoupled: true, weightDecay: 0.1, masked: true },
      { decoupled: false, weightDecay: 0.1, masked: false },
      { decoupled: false, weightDecay: 0, masked: true },
    ])('Adam, %o', async ({ masked, ...decay }) => {
      const p = { learningRate: 0.01, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, step: 3, ...decay };
      await compare(
        'adamUpdate',
        Array.from({ length: masked ? 5 : 4 }, () => [19, 7]),
        ([param, gradient, mean, variance, mask]) =>
          Object.values(adamUpdate({ param: param!, gradient: gradient!, mean: mean!, variance: variance!, mask }, p)),
        (values, i) => {
          if (i === 3) values.forEach((v, at) => (values[at] = Math.abs(v)));
          if (i === 4) values.forEach((v, at) => (values[at] = v > 0 ? 1 : 0));
        },
      );
    });

    it('products by rows', async () => {
      const shape = [3, 301, 5];
      await compare('rowDots', [shape, shape], ([a, b]) => [rowDots(a!, b!, 0.5)]);
      await compare('scaleRows', [shape, [301]], ([x, factors]) => [scaleRows(x!, factors!, -2)]);
    });
  });
}
