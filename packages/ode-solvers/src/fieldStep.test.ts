import { add, affine, linearCombination, mul, neg, sum, tensor, type Params, type Tensor } from '@sparseflow/tensor';
import { createReferenceBackend } from '@sparseflow/tensor/reference';
import { describe, expect, it } from 'vitest';
import type { AdjointState, FieldStep, WholeAdjointStep, WholeStep } from './fieldStep.ts';
import { backsolve, bosh3, dopri5, rk4, solve, solveVjp, wholeStep, type VectorField } from './index.ts';

const backend = createReferenceBackend();
const y0 = tensor([1, 2], { backend });
const params = { rate: tensor([0.5, 1.5], { backend }) };

const plain: VectorField<Tensor> = (t, y, p) => affine(mul(p['rate']!, y), -1 - t);

const combine = (y: Tensor, ks: readonly Tensor[], weights: readonly number[], dt: number): Tensor =>
  linearCombination([y, ...ks], [1, ...weights.map((w) => dt * w)]);

/** The same field, which takes whole steps and counts them. */
function stepping(taken: { forward: number; back: number }, declines = false): VectorField<Tensor> {
  /** A step of a state of several tensors. */
  const stages = (
    { solver: { a, c, error }, t, dt, end, output }: FieldStep,
    ys: readonly Tensor[],
    slopes: readonly Tensor[],
    f: (t: number, at: readonly Tensor[]) => readonly Tensor[],
  ): WholeStep<Tensor[]> => {
    const ks = slopes.map((slope) => [slope]);
    let at: Tensor[] = [];
    for (let i = 1; i < c.length; i++) {
      at = ys.map((y, j) => combine(y, ks[j]!, a[i]!, dt));
      f(c[i] === 1 ? end : t + c[i]! * dt, at).forEach((k, j) => ks[j]!.push(k));
    }
    return {
      y1: at,
      slope: ks.map((all) => all.at(-1)!),
      error: ks.map((all) => linearCombination(all, error!.map((w) => dt * w))), // prettier-ignore
      output: output && ys.map((y, j) => combine(y, ks[j]!, output, dt)),
    };
  };
  const step = wholeStep<Tensor, Params>((request, y, slope, p) => {
    if (declines) return undefined;
    taken.forward++;
    const whole = stages(request, [y], [slope], (t, [at]) => [plain(t, at!, p)]);
    return {
      y1: whole.y1[0]!,
      slope: whole.slope[0]!,
      error: whole.error[0]!,
      output: whole.output?.[0],
    };
  });
  // d/dt of a: -a ∂f/∂y = a rate (1 + t); of the gradient: a y (1 + t).
  const adjointStep: VectorField<Tensor>['adjointStep'] = (request, state, slope, p) => {
    if (declines) return undefined;
    taken.back++;
    const list = ({ y, cotangent, params: g }: AdjointState<Tensor, Params>): Tensor[] => [y, cotangent, g['rate']!];
    const whole = stages(request, list(state), list(slope), (t, [y, a]) => [
      plain(t, y!, p),
      affine(mul(a!, p['rate']!), 1 + t),
      affine(mul(a!, y!), 1 + t),
    ]);
    const moved = ([y, cotangent]: readonly Tensor[]) => ({ y: y!, cotangent: cotangent! });
    return {
      y1: moved(whole.y1),
      slope: { ...moved(whole.slope), params: { rate: whole.slope[2]! } },
      error: moved(whole.error),
      output: whole.output && moved(whole.output),
      params: { rate: (whole.output ?? whole.y1)[2]! },
    } satisfies WholeAdjointStep<Tensor, Params>;
  };
  return Object.assign((t: number, y: Tensor, p: Params) => plain(t, y, p), { step, adjointStep });
}

const tolerance = { t0: 0, t1: 2, rtol: 1e-6, atol: 1e-6 };

async function gradient(f: VectorField<Tensor>, seminorm: boolean, solver = dopri5) {
  const run = await solveVjp(f, y0, params, { ...tolerance, solver, adjoint: backsolve({ seminorm }) });
  const cotangent = add(run.solution.y1, 1);
  const back = await run.pullback(cotangent);
  cotangent.dispose();
  const result = {
    y1: run.solution.y1.dataSync(),
    y0: back.y0.dataSync(),
    rate: back.params['rate']!.dataSync(),
    times: [back.t0, back.t1],
    stats: { ...run.solution.stats },
    grid: run.solution.grid,
  };
  run.solution.dispose();
  run.dispose();
  back.y0.dispose();
  back.params['rate']!.dispose();
  return result;
}

describe('a field that takes whole steps', () => {
  it.each([dopri5, bosh3])('solves as one that is evaluated stage by stage, $name', async (solver) => {
    const taken = { forward: 0, back: 0 };
    const options = { ...tolerance, solver };
    const [whole, stage] = [await solve(stepping(taken), y0, params, options), await solve(plain, y0, params, options)];
    expect(whole.y1.dataSync()).toEqual(stage.y1.dataSync());
    expect(whole.stats).toEqual(stage.stats);
    expect(taken.forward).toBe(stage.stats.accepted + stage.stats.rejected);
    whole.dispose();
    stage.dispose();
  });

  it('has the gradients of one that is evaluated, with backsolve and its seminorm', async () => {
    const taken = { forward: 0, back: 0 };
    const live = backend.liveBuffers();
    const [whole, stage] = [await gradient(stepping(taken), true), await gradient(plain, true)];
    // Both compute the same numbers in another order: rounding in float64, through some dozen steps.
    for (const name of ['y1', 'y0', 'rate', 'times'] as const)
      Array.from(whole[name]).forEach((value, i) => expect(value).toBeCloseTo(Number(stage[name][i]), 12));
    expect(whole.stats).toEqual(stage.stats);
    expect(taken.back).toBeGreaterThan(0);
    expect(backend.liveBuffers()).toBe(live);
  });

  it('is evaluated where a step needs its stages: outputs, dense solutions, the full norm, other methods', async () => {
    const taken = { forward: 0, back: 0 };
    const f = stepping(taken);
    const compare = async (options: Parameters<typeof solve>[3]): Promise<number> => {
      const [whole, stage] = [await solve(f, y0, params, options), await solve(plain, y0, params, options)];
      expect(whole.ys.map((y) => y.dataSync())).toEqual(stage.ys.map((y) => y.dataSync()));
      expect(whole.y1.dataSync()).toEqual(stage.y1.dataSync());
      expect(whole.stats).toEqual(stage.stats);
      whole.dispose();
      stage.dispose();
      const steps = taken.forward;
      taken.forward = 0;
      return steps;
    };
    expect(await compare({ ...tolerance, saveAt: [0.5, 1.3] })).toBeGreaterThan(0);
    expect(await compare({ ...tolerance, dense: true })).toBe(0);
    expect(await compare({ ...tolerance, rtol: undefined, atol: undefined, solver: rk4, steps: 5 })).toBe(0);
    const [whole, stage] = [await gradient(f, false), await gradient(plain, false)];
    expect(taken.back).toBe(0);
    expect(whole.stats).toEqual(stage.stats);
  });

  it('may decline, and frees rejected steps', async () => {
    const taken = { forward: 0, back: 0 };
    const declined = await solve(stepping(taken, true), y0, params, tolerance);
    const stage = await solve(plain, y0, params, tolerance);
    expect(declined.y1.dataSync()).toEqual(stage.y1.dataSync());
    expect(taken.forward).toBe(0);
    declined.dispose();
    stage.dispose();
    const live = backend.liveBuffers();
    const rejecting = await solve(stepping(taken), y0, params, { ...tolerance, firstStep: 2 });
    expect(rejecting.stats.rejected).toBeGreaterThan(0);
    rejecting.dispose();
    expect(backend.liveBuffers()).toBe(live);
  });

  it('ends in the same error where it is not finite', async () => {
    const bad: VectorField<Tensor> = (t, y) => (t > 0.5 ? affine(y, Number.NaN) : neg(sum(y)));
    const step = wholeStep<Tensor, Params>((_request, y) => {
      const nan = affine(y, Number.NaN);
      return { y1: nan, slope: affine(nan, 1), error: affine(nan, 1) };
    });
    const f = Object.assign((t: number, y: Tensor, p: Params) => mul(bad(t, y, p), affine(y, 0, 1)), { step });
    await expect(solve(f, y0, params, tolerance)).rejects.toThrow(/step|finite/);
  });
});
