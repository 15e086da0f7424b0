import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { add, full, matMul, scope, sub, tanh, tensor, type Tensor } from '@sparseflow/tensor';
import { backsolve, checkpoint, direct, interpolated, solveVjp, type Adjoint } from '../src/index.ts';
import { at, backend, largestDifference, read } from './problems.ts';

interface Run {
  readonly mode: 'adjoint' | 'adjoint_seminorm' | 'autograd';
  readonly tol: number;
  readonly loss: number;
  readonly y: readonly (readonly number[][])[];
  readonly nfe_forward: number;
  readonly nfe_backward: number;
  readonly grad_x0: readonly number[][];
  readonly grad_t: readonly number[];
  readonly grads: Readonly<Record<string, number[] | number[][]>>;
}

const fixture = JSON.parse(readFileSync(new URL('./fixtures/adjoint-gradients.json', import.meta.url), 'utf8')) as {
  readonly cases: readonly [
    {
      readonly t: [number, number, number];
      readonly x0: number[][];
      readonly target: number[][];
      readonly weights: Readonly<Record<string, number[] | number[][]>>;
      readonly runs: readonly Run[];
    },
  ];
};
const [{ t, x0, target, weights, runs }] = fixture.cases;

type Weights = Readonly<Record<string, Tensor>>;

/** The tiny neural ODE of the fixture; one parameter is not used. */
const field = (_t: number, x: Tensor, p: Weights): Tensor =>
  scope(() => {
    const layer = (h: Tensor, n: number): Tensor =>
      add(matMul(h, p[`l${n}.weight`]!, { transposeB: true }), p[`l${n}.bias`]!);
    return layer(tanh(layer(tanh(layer(x, 1)), 2)), 3);
  });

async function gradients(adjoint: Adjoint, tol: number) {
  const before = backend.liveBuffers();
  const params = { ...Object.fromEntries(Object.entries(weights).map(([k, v]) => [k, at(v)])), unused: at([1, 2]) };
  const y0 = at(x0);
  const options = { t0: t[0], t1: t[2], saveAt: [t[1]], rtol: tol, atol: tol, adjoint };
  const run = await solveVjp<Tensor, Weights>(field, y0, params, options);
  const { y1, ys, stats } = run.solution;
  const difference = scope(() => sub(y1, at(target)));
  const batch = x0.length;
  // loss = mean over the batch of |x(t2) - target|² + 0.5 · sum of x(t1), whose cotangents follow
  const squares = read(difference).reduce((s, d) => s + d * d, 0);
  const loss = squares / batch + 0.5 * read(ys[0]!).reduce((s, v) => s + v, 0);
  const ct1 = tensor(
    read(difference).map((d) => (2 * d) / batch),
    { backend, shape: y1.shape },
  );
  const ctSaved = full(y1.shape, 0.5, { backend });
  const pulled = await run.pullback({ y1: ct1, ys: [ctSaved] });
  const result = {
    loss,
    stats,
    nfeBackward: stats.nfeBackward,
    y: [read(ys[0]!), read(y1)],
    x0: read(pulled.y0),
    t: [pulled.t0, pulled.ts[0]!, pulled.t1],
    params: Object.fromEntries(Object.entries(pulled.params).map(([k, v]) => [k, read(v)])),
  };
  run.dispose();
  run.solution.dispose();
  for (const x of [
    y0,
    difference,
    ct1,
    ctSaved,
    pulled.y0,
    ...Object.values(pulled.params),
    ...Object.values(params),
  ]) {
    x.dispose();
  }
  expect(backend.liveBuffers()).toBe(before);
  return result;
}

const ADJOINTS = {
  adjoint: [backsolve({ seminorm: false })],
  adjoint_seminorm: [backsolve()],
  autograd: [checkpoint(), direct()],
} as const;

describe('gradients of torchdiffeq', () => {
  const cases = runs.flatMap((run) => ADJOINTS[run.mode].map((adjoint) => ({ name: adjoint.name, adjoint, run })));

  it.each(cases.filter(({ run }) => run.mode !== 'autograd').map((c) => [c.name, c.run.mode, c.run.tol, c] as const))(
    '%s against %s at tolerance %s: the same steps, so equal to rounding',
    async (_name, _mode, tol, { adjoint, run }) => {
      const ours = await gradients(adjoint, tol);
      expect(Math.abs(ours.loss - run.loss)).toBeLessThan(1e-13);
      expect(ours.stats.nfe).toBe(run.nfe_forward);
      // One more evaluation: the gradient in t0 is had from f at t0, where torchdiffeq integrates ∂f/∂t.
      expect(ours.nfeBackward).toBe(run.nfe_backward + 1);
      expect(largestDifference(ours.y.flat(), run.y.slice(1).flat(2))).toBeLessThan(1e-13);
      expect(largestDifference(ours.x0, run.grad_x0.flat())).toBeLessThan(1e-13);
      for (const [name, values] of Object.entries(run.grads)) {
        expect(largestDifference(ours.params[name]!, values.flat()), name).toBeLessThan(1e-13);
      }
      expect(largestDifference(ours.t.slice(1), run.grad_t.slice(1))).toBeLessThan(1e-13);
      // Two ways to the same number, each off by the solution's error.
      expect(Math.abs(ours.t[0]! - run.grad_t[0]!)).toBeLessThan(10 * tol);
    },
  );

  it.each(cases.filter(({ run }) => run.mode === 'autograd').map((c) => [c.name, c.run.tol, c] as const))(
    '%s against differentiation through the solver at tolerance %s',
    async (_name, tol, { adjoint, run }) => {
      const ours = await gradients(adjoint, tol);
      expect(Math.abs(ours.loss - run.loss)).toBeLessThan(1e-13);
      expect(ours.stats.nfe).toBe(run.nfe_forward);
      expect(ours.stats.accepted * 6).toBeLessThanOrEqual(ours.nfeBackward);
      expect(ours.nfeBackward).toBeLessThanOrEqual(ours.stats.accepted * 6 + 2); // and the last stages of steps with outputs
      // torchdiffeq also differentiates through its choice of step sizes, which moves the solution by less than its error.
      expect(largestDifference(ours.x0, run.grad_x0.flat())).toBeLessThan(tol);
      for (const [name, values] of Object.entries(run.grads)) {
        expect(largestDifference(ours.params[name]!, values.flat()), name).toBeLessThan(tol);
      }
      expect(largestDifference(ours.t.slice(1), run.grad_t.slice(1))).toBeLessThan(1e-13);
      expect(Math.abs(ours.t[0]! - run.grad_t[0]!)).toBeLessThan(tol > 1e-6 ? 20 * tol : 1e-7);
    },
  );

  it('gives exact zeros to a parameter that is not used', async () => {
    const discrete = [checkpoint(), checkpoint({ memory: 'sqrt' }), direct()];
    for (const adjoint of [...discrete, interpolated(), backsolve(), backsolve({ seminorm: false })]) {
      expect((await gradients(adjoint, 1e-5)).params['unused']).toEqual([0, 0]);
    }
  });
});
