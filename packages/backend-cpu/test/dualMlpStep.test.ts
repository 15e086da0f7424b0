import {
  dualMlpAdjointStep,
  dualMlpStep,
  flattenTree,
  key,
  mul,
  normal,
  scope,
  tensor,
  uniform,
  type Backend,
  type DType,
  type DualLayer,
  type StepMethod,
  type Tensor,
  type Tree,
} from '@sparseflow/tensor';
import { createReferenceBackend } from '@sparseflow/tensor/reference';
import { describe, expect, it } from 'vitest';
import { sparsify } from '../src/index.ts';
import { firstDifference } from '../../../test-support/bits.ts';
import { machines } from './available.ts';

const reference = createReferenceBackend();

/** Bogacki-Shampine 3(2): four stages; and a method whose second stage has no weight in the step, as Dormand-Prince 5(4) has one. */
const METHODS: readonly StepMethod[] = [
  { a: [[], [1 / 2], [0, 3 / 4], [2 / 9, 1 / 3, 4 / 9]], error: [-5 / 72, 1 / 12, 1 / 9, -1 / 8] },
  { a: [[], [1 / 5], [3 / 40, 9 / 40], [-1, 0, 2]], error: [0.3, 0, -0.1, -0.2] },
];

interface Problem {
  readonly batch: number;
  readonly count: number;
  readonly sizes: readonly number[];
  readonly gates: boolean;
  readonly method: StepMethod;
  /** The share of the weights that survives. */
  readonly keep?: number;
  readonly dt: number;
  readonly output?: readonly number[];
}

/** Everything that both steps give. The numbers going in are the same float32 for all backends. */
function evaluate(problem: Problem, backend: Backend, dtype: DType): Float64Array[] {
  const { batch, count, sizes, gates, method, dt, output, keep = 1 } = problem;
  let seed = 0;
  const draw = (spread: number, ...shape: number[]): Tensor => {
    const size = shape.reduce((a, b) => a * b, 1);
    return tensor(
      Float32Array.from(normal(key(seed++), size), (v) => v * spread),
      { backend, shape, dtype },
    );
  };
  return scope(() => {
    const dim = sizes[0]!;
    const weights: Record<string, Tensor> = {};
    const masks: Record<string, Tensor> = {};
    sizes.slice(1).forEach((out, l) => {
      const shape = [out, sizes[l]!];
      const kept = uniform(key(1000 + l), out * shape[1]!).map((u) => Number(u < keep));
      masks[l] = tensor(kept, { backend, shape, dtype });
      weights[l] = draw(1 / Math.sqrt(shape[1]!), ...shape);
    });
    const masked = keep < 1 ? sparsify(weights, masks) : weights;
    const like = (make: (l: number, out: number, into: number) => Tensor) =>
      sizes.slice(1).map((out, l) => ({
        weight: make(l, out, sizes[l]!),
        bias: draw(0.5, out),
        ...(gates && { scale: draw(1, out), shift: draw(0.5, out) }),
      }));
    const layers = like((l) => masked[l]!);
    const survivors = (l: number, out: number, into: number): Tensor => {
      const values = draw(1, out, into);
      return keep < 1 ? sparsify({ w: values }, { w: masks[l]! })['w']! : values;
    };
    const moving = { z: draw(1, batch, dim), logDet: draw(1, batch) };
    const slope = { z: draw(1, batch, dim), logDet: draw(1, batch) };
    const probes = draw(1, count, batch, dim);
    const options = { method, dt, weight: 0.5, output };
    const forward = dualMlpStep(moving, slope, probes, layers, 'tanh', options);
    const back = dualMlpAdjointStep(
      { ...moving, ofZ: draw(1, batch, dim), ofLayers: like(survivors) },
      { ...slope, ofZ: draw(1, batch, dim), ofLayers: like(survivors) },
      draw(1, batch),
      probes,
      layers,
      'tanh',
      options,
    );
    // A pruned weight has no gradient. The reference has no sparse layout, in which that would show.
    const pruned = (all: readonly DualLayer[]): DualLayer[] =>
      all.map((layer, l) => (backend === reference ? { ...layer, weight: mul(layer.weight, masks[l]!) } : layer));
    const { slope: last, ofLayers } = back;
    const adjoint = { ...back, slope: { ...last, ofLayers: pruned(last.ofLayers) }, ofLayers: pruned(ofLayers) };
    const results = [forward, adjoint].flatMap((step) => flattenTree(step as unknown as Tree));
    return results.map((x) => Float64Array.from(x.dataSync()));
  });
}

function worstError(actual: readonly Float64Array[], expected: readonly Float64Array[]): number {
  expect(actual.map(({ length }) => length)).toEqual(expected.map(({ length }) => length));
  return Math.max(
    ...expected.map((e, i) => {
      const largest = e.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
      // What begins at 1 keeps its rounding where it comes near 0.
      return e.reduce((worst, v, j) => Math.max(worst, Math.abs(v - actual[i]![j]!)), 0) / Math.max(largest, 1);
    }),
  );
}

const PROBLEMS: readonly Problem[] = [
  { batch: 0, count: 1, sizes: [2, 5, 2], gates: false, method: METHODS[0]!, dt: 0.1 },
  { batch: 1, count: 1, sizes: [1, 1, 1], gates: true, method: METHODS[1]!, dt: -0.1 },
  { batch: 63, count: 2, sizes: [3, 6, 9, 3], gates: false, method: METHODS[0]!, dt: -0.2 },
  {
    batch: 130,
    count: 1,
    sizes: [2, 6, 6, 6, 2],
    gates: false,
    method: METHODS[1]!,
    dt: -0.2,
    output: [0.1, 0, 0.3, 0.2],
  },
  { batch: 17, count: 0, sizes: [2, 6, 2], gates: true, method: METHODS[0]!, dt: 0.2, output: [0.5, 0.2, 0, -0.1] },
  { batch: 80, count: 9, sizes: [2, 33, 2], gates: true, method: METHODS[1]!, dt: 0.2 },
];

describe.each(machines)('$name: steps of a flow', ({ create }) => {
  const backend = create({ threads: 2 });

  // Some tens of float32's rounding, 6e-8, as in the tests of dualMlp; each of up to four stages adds its own.
  it.each(PROBLEMS)('agree with the decomposition in float64: batch $batch, $sizes, $count probes', (problem) => {
    const error = worstError(evaluate(problem, backend, 'float32'), evaluate(problem, reference, 'float64'));
    expect(error).toBeLessThan(1.6e-5);
  });

  it.each([0.1, 0.8])('leave what was pruned at zero, with %s of the weights', (keep) => {
    const problem = { ...PROBLEMS[3]!, sizes: [2, 40, 40, 2], keep };
    const [actual, expected] = [evaluate(problem, backend, 'float32'), evaluate(problem, reference, 'float64')];
    expect(worstError(actual, expected)).toBeLessThan(1.6e-5);
    expected.forEach((values, i) => values.forEach((v, j) => v === 0 && expect(actual[i]![j]).toBe(0)));
  });

  it('are bit-identical for 1, 2 and 8 threads', () => {
    const problem: Problem = { batch: 1030, count: 1, sizes: [2, 90, 2], gates: false, method: METHODS[1]!, dt: -0.1 };
    const [one, ...others] = [1, 2, 8].map((threads) => evaluate(problem, create({ threads }), 'float32'));
    for (const other of others) {
      expect(other).toHaveLength(one!.length);
      one!.forEach((values, i) => expect(firstDifference(other[i]!, values), `result ${i}`).toBe(undefined));
    }
  });

  it('do not depend on what other networks leave in memory', () => {
    const problem = PROBLEMS[3]!;
    const before = evaluate(problem, backend, 'float32');
    evaluate({ ...problem, sizes: [2, 70, 2], gates: true }, backend, 'float32');
    expect(evaluate(problem, backend, 'float32')).toEqual(before);
  });
});
