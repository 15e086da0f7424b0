import { describe, expect, it } from 'vitest';
import type { Backend, FusedKernel, Operand } from '../backend.ts';
import {
  activations,
  adamUpdate,
  add,
  defineFused,
  dualMlp,
  fromBuffer,
  grad,
  jvp,
  key,
  linearCombination,
  mul,
  randomNormal,
  scaledErrorNorm,
  scope,
  splitKey,
  square,
  sum,
  tensor,
  vjp,
  type ActivationName,
  type DualLayer,
  type DualMlpParams,
  type Tensor,
} from '../index.ts';
import { createReferenceBackend } from '../reference/index.ts';

const plain = createReferenceBackend();
const read = (x: Tensor): number[] => Array.from(x.dataSync());

/** A reference backend that supplies kernels for fused operations, computed by `run` on another one, and counts their use. */
function withKernels(kernels: Record<string, (inputs: Tensor[], params: unknown) => Tensor[] | undefined>): {
  backend: Backend;
  calls: Record<string, number>;
} {
  const base = createReferenceBackend();
  const calls: Record<string, number> = {};
  const fused: Record<string, FusedKernel> = {};
  for (const [name, run] of Object.entries(kernels)) {
    calls[name] = 0;
    fused[name] = (operands: readonly Operand[], params) => {
      const results = run(
        operands.map((x) => fromBuffer(base, base.reshape(x, x.shape), x.shape, x.dtype)),
        params,
      );
      if (results) calls[name]!++;
      // A copy: the enclosing scope will free the result itself.
      return results?.map((x) => base.reshape(x, x.shape));
    };
  }
  return { backend: { ...base, fused }, calls };
}

/** Relative to the largest entry, for float64 computations of a few hundred operations in another order. */
function expectClose(actual: number[], expected: number[]): void {
  expect(actual).toHaveLength(expected.length);
  const scale = Math.max(1, ...expected.map(Math.abs));
  actual.forEach((a, i) => expect(Math.abs(a - expected[i]!) / scale).toBeLessThan(1e-12));
}

describe('defineFused', () => {
  const cube = defineFused<null>('cube', ([x]) => [mul(x!, square(x!))], { outputs: ([x]) => [x!] });
  const ruled = defineFused<null>('cube', ([x]) => [mul(x!, square(x!))], {
    outputs: ([x]) => [x!],
    vjp: ([ct], { inputs: [x] }) => [mul(ct!, mul(square(x!), 3))],
    jvp: ([t], { inputs: [x] }) => [mul(t!, mul(square(x!), 3))],
  });

  it('decomposes where a backend has no kernel', () => {
    const x = tensor([2, 3], { backend: plain });
    expect(read(cube([x], null)[0]!)).toEqual([8, 27]);
    expect(read(grad((y: Tensor) => sum(cube([y], null)[0]!))(x))).toEqual([12, 27]);
  });

  it.each([
    ['without rules, the decomposition is differentiated', cube, 0],
    ['with rules, the kernel runs under differentiation too', ruled, 3],
  ])('%s', (_, op, usesUnderDifferentiation) => {
    const { backend, calls } = withKernels({ cube: ([x]) => [mul(x!, square(x!))] });
    const x = tensor([2, 3], { backend });
    expect(read(op([x], null)[0]!)).toEqual([8, 27]);
    expect(calls['cube']).toBe(1);
    expect(read(grad((y: Tensor) => sum(op([y], null)[0]!))(x))).toEqual([12, 27]);
    expect(read(jvp((y: Tensor) => op([y], null)[0]!, x, tensor([1, 1], { backend })).tangent)).toEqual([12, 27]);
    expect(read(grad((y: Tensor) => sum(grad((z: Tensor) => sum(op([z], null)[0]!))(y)))(x))).toEqual([12, 18]);
    expect(calls['cube']).toBe(1 + usesUnderDifferentiation);
  });

  it('falls back when the kernel declines', () => {
    const { backend, calls } = withKernels({ cube: () => undefined });
    expect(read(ruled([tensor([2], { backend })], null)[0]!)).toEqual([8]);
    expect(calls['cube']).toBe(0);
  });
});

describe.each(Object.keys(activations) as ActivationName[])('dualMlp, %s', (activation) => {
  const sizes = [3, 5, 4, 2];
  const keys = splitKey(key(7), 20);

  function network(backend: Backend, gates: boolean): { x: Tensor; dx: Tensor; layers: DualLayer[] } {
    let next = 0;
    const draw = (...shape: number[]): Tensor => randomNormal(keys[next++]!, shape, { backend });
    const x = draw(4, 3);
    const dx = draw(2, 4, 3);
    const layers = sizes.slice(1).map((out, i) => ({
      weight: draw(out, sizes[i]!),
      bias: draw(out),
      ...(gates && { scale: draw(out), shift: draw(out) }),
    }));
    return { x, dx, layers };
  }

  const run = (x: Tensor, dx: Tensor, layers: readonly DualLayer[]): Tensor => {
    const { value, tangent } = dualMlp(x, dx, layers, activation);
    return add(sum(square(value)), sum(mul(tangent, square(tangent))));
  };

  it('the value is the network and the tangent its directional derivative', () => {
    const { x, dx, layers } = network(plain, true);
    const forward = (y: Tensor): Tensor => dualMlp(y, dx, layers, activation).value;
    const { value, tangent } = dualMlp(x, dx, layers, activation);
    const probes = Array.from({ length: 2 }, (_, i) =>
      tensor(dx.dataSync().slice(12 * i, 12 * i + 12), { backend: plain, shape: [4, 3] }),
    );
    expectClose(
      read(tangent),
      probes.flatMap((v) => read(jvp(forward, x, v).tangent)),
    );
    expectClose(read(value), read(forward(x)));
  });

  it.each([false, true])('kernels change no derivative of order 1 to 3 (time gates: %s)', (gates) => {
    const { backend, calls } = withKernels({
      dualMlp: ([x, dx, ...tensors], params) => {
        const { value, tangent } = dualMlp(x!, dx!, layersOf(tensors, params as DualMlpParams), activation);
        return [value, tangent];
      },
      dualMlpVjp: ([ct, dct, ...inputs], params) => {
        const f = ([x, dx, ...tensors]: readonly Tensor[]): readonly Tensor[] => {
          const { value, tangent } = dualMlp(x!, dx!, layersOf(tensors, params as DualMlpParams), activation);
          return [value, tangent];
        };
        return [...vjp(f, inputs as readonly Tensor[]).pullback([ct!, dct!])];
      },
    });
    const results = [plain, backend].map((b) => {
      const { x, dx, layers } = network(b, gates);
      const f = (w: Tensor): Tensor => run(x, dx, [{ ...layers[0]!, weight: w }, ...layers.slice(1)]);
      const w = layers[0]!.weight;
      const first = grad(f);
      const second = grad((v: Tensor) => sum(square(first(v))));
      const third = (v: Tensor): Tensor => jvp(second, v, v).tangent;
      return [f(w), first(w), second(w), third(w)].map(read);
    });
    results[0]!.forEach((expected, order) => expectClose(results[1]![order]!, expected));
    expect(calls['dualMlp']).toBeGreaterThan(0);
    expect(calls['dualMlpVjp']).toBeGreaterThan(0);
  });
});

function layersOf(tensors: readonly Tensor[], { layers }: DualMlpParams): DualLayer[] {
  let next = 0;
  return layers.map((has) => ({
    weight: tensors[next++]!,
    bias: has.bias ? tensors[next++] : undefined,
    scale: has.scale ? tensors[next++] : undefined,
    shift: has.shift ? tensors[next++] : undefined,
  }));
}

describe('linearCombination', () => {
  const at = (values: number[]): Tensor => tensor(values, { backend: plain });

  it('adds scaled terms, and does not read those with coefficient 0', () => {
    expect(read(linearCombination([at([1, 2]), at([Number.NaN, 1]), at([3, 4])], [1, 0, -2]))).toEqual([-5, -6]);
    expect(read(linearCombination([at([1, 2])], [0]))).toEqual([0, 0]);
    const lone = at([1, 2]);
    linearCombination([lone, at([3, 4])], [1, 0]).dispose(); // a tensor of its own, not the term
    expect(read(lone)).toEqual([1, 2]);
  });

  it('is linear: its derivatives are its coefficients', () => {
    const xs = [at([1, 2]), at([3, 4])];
    const { pullback } = vjp((t: readonly Tensor[]) => linearCombination(t, [2, -3]), xs as readonly Tensor[]);
    expect(pullback(at([1, 10])).map(read)).toEqual([
      [2, 20],
      [-3, -30],
    ]);
  });

  it('refuses terms that do not line up', () => {
    expect(() => linearCombination([at([1]), at([1, 2])], [1, 1])).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: linearCombination: terms have shapes [1] and [2]. To fix: give tensors of one shape and dtype, and one coefficient for each.]`,
    );
    expect(() => linearCombination([at([1])], [1, 1])).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: linearCombination: 1 terms, 2 coefficients. To fix: give tensors of one shape and dtype, and one coefficient for each.]`,
    );
  });
});

describe('scaledErrorNorm', () => {
  it('is the root mean square over all parts of a state', () => {
    const t = (values: number[]): Tensor => tensor(values, { backend: plain });
    const norm = scaledErrorNorm([t([0.1, 0.2]), t([0.3])], [t([1, -4]), t([0])], [t([2, 3]), t([0])], {
      rtol: 0.1,
      atol: 0.5,
    });
    const ratios = [0.1 / 0.7, 0.2 / 0.9, 0.3 / 0.5];
    expectClose(read(norm), [Math.sqrt(ratios.reduce((a, r) => a + r * r, 0) / 3)]);
  });
});

describe('adamUpdate', () => {
  it.each([true, false])('follows the published update, decoupled decay: %s', (decoupled) => {
    const t = (values: number[]): Tensor => tensor(values, { backend: plain });
    const p = { learningRate: 0.1, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01, decoupled, step: 3 };
    const [w, g, m, v] = [
      [0.5, -2],
      [0.3, 0],
      [0.1, 0.2],
      [0.04, 0.01],
    ] as const;
    const result = adamUpdate(
      { param: t([...w]), gradient: t([...g]), mean: t([...m]), variance: t([...v]), mask: t([1, 0]) },
      p,
    );
    const expected = w.map((wi, i) => {
      const gi = g[i]! + (decoupled ? 0 : 0.01 * wi);
      const mi = 0.9 * m[i]! + 0.1 * gi;
      const vi = 0.999 * v[i]! + 0.001 * gi * gi;
      const mHat = mi / (1 - 0.9 ** 3);
      const vHat = vi / (1 - 0.999 ** 3);
      const moved = wi - (decoupled ? 0.1 * 0.01 * wi : 0) - (0.1 * mHat) / (Math.sqrt(vHat) + 1e-8);
      return { param: i === 1 ? 0 : moved, mi, vi };
    });
    expectClose(
      read(result.param),
      expected.map((e) => e.param + 0),
    );
    expectClose(
      read(result.mean),
      expected.map((e) => e.mi),
    );
    expectClose(
      read(result.variance),
      expected.map((e) => e.vi),
    );
  });

  it('leaves three buffers', () => {
    const t = (values: number[]): Tensor => tensor(values, { backend: plain });
    const state = { param: t([1]), gradient: t([1]), mean: t([0]), variance: t([0]) };
    const before = plain.liveBuffers();
    adamUpdate(state, {
      learningRate: 0.1,
      beta1: 0.9,
      beta2: 0.99,
      epsilon: 1e-8,
      weightDecay: 0.1,
      decoupled: true,
      step: 1,
    });
    expect(plain.liveBuffers() - before).toBe(3);
    scope(() => state.param.dispose());
  });
});
