import { describe, expect, it } from 'vitest';
import { jvp, mul, neg, onesLike, scope, sum, tensor, vjp, type Tensor } from '@sparseflow/tensor';
import { at, backend, largestDifference, problems, read } from '../../test/problems.ts';
import {
  MaxStepsError,
  NonFiniteDerivativeError,
  NonFiniteStateError,
  solveAdams,
  solveVjp,
  StepSizeUnderflowError,
} from '../index.ts';
import { correct, predict } from './step.ts';

const wave = (t: number, y: Tensor): Tensor => mul(y, Math.cos(t));
const exact = (t: number): number => Math.exp(Math.sin(t));

describe('solveAdams with adaptive steps', () => {
  it('has an error that follows the tolerance', async () => {
    const tolerances = [1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10];
    const errors: number[] = [];
    for (const tolerance of tolerances) {
      const { y1, dispose } = await solveAdams(wave, at([1]), {}, { t0: 0, t1: 20, rtol: tolerance, atol: tolerance });
      errors.push(Math.abs(read(y1)[0]! - exact(20)));
      dispose();
    }
    // About 200 steps may each add a tolerance.
    errors.forEach((error, i) => expect(error).toBeLessThan(200 * tolerances[i]!));
    // The slope of the logarithms, by least squares.
    const xs = tolerances.map(Math.log10);
    const [mx, my] = [xs, errors.map(Math.log10)].map((v) => v.reduce((a, b) => a + b) / v.length);
    const over = xs.reduce((s, x, i) => s + (x - mx!) * (Math.log10(errors[i]!) - my!), 0);
    const slope = over / xs.reduce((s, x) => s + (x - mx!) ** 2, 0);
    expect(Math.abs(slope - 1)).toBeLessThan(0.25);
  });

  it('raises the order, and takes fewer evaluations than dopri5 where the tolerance is tight', async () => {
    const options = { t0: 0, t1: 20, rtol: 1e-9, atol: 1e-9 };
    const { stats, orders } = await solveAdams(wave, at([1]), {}, options);
    expect(orders[0]).toBe(1);
    expect(Math.max(...orders)).toBeGreaterThan(7);
    orders.forEach((order, i) => expect(Math.abs(order - (orders[i - 1] ?? 1))).toBeLessThanOrEqual(2));
    const run = await solveVjp(wave, at([1]), {}, options);
    expect(stats.nfe).toBeLessThan(run.solution.stats.nfe / 2);
    // Two a step, one for each rejected one, and two for the first step's length.
    expect(stats.nfe).toBe(2 * stats.accepted + stats.rejected + 2);
  });

  it('has the order that maxOrder allows', async () => {
    for (const maxOrder of [1, 2, 4]) {
      const { orders, y1 } = await solveAdams(wave, at([1]), {}, { t0: 0, t1: 2, rtol: 1e-6, atol: 1e-6, maxOrder });
      expect(Math.max(...orders)).toBe(maxOrder);
      expect(Math.abs(read(y1)[0]! - exact(2))).toBeLessThan(1e-4);
    }
  });

  it('has a dense output as accurate as its steps', async () => {
    const saveAt = Array.from({ length: 50 }, (_, i) => (i + 1) * 0.15);
    const { ys } = await solveAdams(
      wave,
      at([1]),
      {},
      { t0: 0, t1: 8, rtol: 1e-8, atol: 1e-8, saveAt: [0, ...saveAt] },
    );
    expect(ys).toHaveLength(51);
    [0, ...saveAt].forEach((t, i) => expect(Math.abs(read(ys[i]!)[0]! - exact(t))).toBeLessThan(1e-6));
  });

  it('goes backwards as it goes forwards in a mirror, and stands still', async () => {
    const { field } = problems['lotka_volterra']!;
    const mirrored = (t: number, y: Tensor): Tensor => neg(field(-t, y, {}));
    const tolerances = { rtol: 1e-7, atol: 1e-9 };
    const there = await solveAdams(field, at([1, 2]), {}, { ...tolerances, t0: 4, t1: 0.3 });
    const mirror = await solveAdams(mirrored, at([1, 2]), {}, { ...tolerances, t0: -4, t1: -0.3 });
    expect(read(there.y1)).toEqual(read(mirror.y1));
    const still = await solveAdams(field, at([1, 2]), {}, { t0: 1, t1: 1 });
    expect(read(still.y1)).toEqual([1, 2]);
    expect(still.stats.accepted).toBe(0);
  });

  it('leaves nothing behind but its results, also when it fails', async () => {
    const y0 = at([1, 2]);
    const before = backend.liveBuffers();
    const decay = (_t: number, y: Tensor): Tensor => scope(() => neg(y));
    const solution = await solveAdams(decay, y0, {}, { t0: 0, t1: 3, saveAt: [1, 2] });
    expect(backend.liveBuffers()).toBe(before + 3);
    solution.dispose();
    const abort = new AbortController();
    let calls = 0;
    const aborting = (_t: number, y: Tensor): Tensor => {
      if (++calls === 20) abort.abort(new Error('enough'));
      return neg(y);
    };
    const fails = async (
      f: (t: number, y: Tensor) => Tensor,
      error: string | (new (...args: never[]) => Error),
      more = {},
    ): Promise<void> => {
      await expect(solveAdams(f, y0, {}, { t0: 0, t1: 3, ...more })).rejects.toThrow(error);
      expect(backend.liveBuffers()).toBe(before);
    };
    await fails(decay, MaxStepsError, { maxSteps: 5 });
    await fails((_t, y) => mul(y, NaN), NonFiniteDerivativeError);
    await fails((_t, y) => mul(y, NaN), NonFiniteDerivativeError, { firstStep: 0.1 });
    await fails((_t, y) => scope(() => mul(mul(y, y), y)), StepSizeUnderflowError);
    await fails(aborting, 'enough', { signal: abort.signal });
    await fails(() => {
      throw new Error('the field');
    }, 'the field');
    for (const [wrong, said] of [
      [{ maxOrder: 13 }, 'maxOrder is 13'],
      [{ maxOrder: 0 }, 'maxOrder is 0'],
      [{ atol: 0 }, 'atol is 0'],
      [{ saveAt: [2, 1] }, 'saveAt'],
      [{ steps: 5, saveAt: [1] }, 'steps and saveAt'],
    ] as const)
      await fails(decay, said, wrong);
    const nan = at([NaN]);
    await expect(solveAdams(decay, nan, {}, { t0: 0, t1: 1 })).rejects.toBeInstanceOf(NonFiniteStateError);
    nan.dispose();
    await expect(solveAdams(() => [], [], {}, { t0: 0, t1: 1 })).rejects.toThrow('holds no tensor');
    expect(backend.liveBuffers()).toBe(before);
  });
});

// Of more derivatives the error is down to rounding before it follows the power of the step.
describe.each([1, 2, 3, 4, 5, 6, 7])('a step with %i derivatives', (order) => {
  /**
   * The root mean square of the errors at the ends of steps, and inside them, of steps of one length and order from exact past
   * derivatives: predicted and evaluated, with `corrections` then corrected and evaluated.
   */
  const errors = (steps: number, corrections: number): { ends: number; inside: number } => {
    const dt = 4 / steps;
    const nodes = Array.from({ length: order }, (_, i) => 0 - i);
    let y: readonly Tensor[] = [at([1])];
    let past: (readonly Tensor[])[] = nodes.map((node) => [at([exact(node * dt) * Math.cos(node * dt)])]);
    let [ends, inside] = [0, 0];
    for (let n = 0; n < steps; n++) {
      const step = { t: n * dt, dt, end: (n + 1) * dt, nodes, corrections };
      const [before, known] = [y, past];
      y = predict(before, known, step);
      if (corrections > 0) {
        const slope = [wave(step.end, y[0]!)];
        y = correct(before, slope, known, step);
        inside += (read(correct(before, slope, known, step, 0.5)[0]!)[0]! - exact(step.t + dt / 2)) ** 2;
      }
      past = [[wave(step.end, y[0]!)], ...known].slice(0, order);
      ends += (read(y[0]!)[0]! - exact(step.end)) ** 2;
    }
    return { ends: Math.sqrt(ends / steps), inside: Math.sqrt(inside / steps) };
  };
  /** The slope of log error over log step between the two shortest steps whose error stands clear of rounding. */
  const measuredOrder = (error: (steps: number) => number): number => {
    let slope = NaN;
    for (let [steps, coarse] = [16, error(16)]; steps < 1000; steps *= 2) {
      const fine = error(2 * steps);
      if (fine < 1e-13) break;
      slope = Math.log2(coarse / fine);
      coarse = fine;
    }
    return slope;
  };

  it('has that order where it is only predicted, and one more where it is corrected, also inside the step', () => {
    expect(Math.abs(measuredOrder((n) => errors(n, 0).ends) - order)).toBeLessThan(0.2);
    expect(Math.abs(measuredOrder((n) => errors(n, 1).ends) - order - 1)).toBeLessThan(0.2);
    expect(Math.abs(measuredOrder((n) => errors(n, 1).inside) - order - 1)).toBeLessThan(0.2);
  });
});

describe.each([
  ['adaptive', {}],
  ['explicit', { steps: 40, method: 'explicit' }],
  ['implicit', { steps: 40, method: 'implicit' }],
] as const)('the gradient of %s Adams', (_name, given) => {
  const y0 = at([1, -0.5]);
  const params = { rate: at([0.7, 1.2]), unused: at([3]) };
  const f = (t: number, y: Tensor, p: typeof params): Tensor => scope(() => mul(mul(y, p.rate), mul(y, Math.cos(t))));
  const options = { t0: 0, t1: 1, rtol: 1e-9, atol: 1e-9, ...given };

  it('is that of its own steps, exactly, and of the problem, to their accuracy', async () => {
    const { y1, stats, pullback, replay } = await solveAdams(f, y0, params, options);
    expect(largestDifference(read(replay(y0, params)), read(y1))).toBeLessThan(1e-14);
    const gradient = await pullback(onesLike(y0));
    expect(stats.nfeBackward).toBeGreaterThan(0);
    expect(read(gradient.params.unused)).toEqual([0]);
    // Central differences of the replayed steps.
    const h = 1e-5;
    const total = (dy: number, dp: number): number =>
      read(sum(replay(at([1 + dy, -0.5]), { ...params, rate: at([0.7, 1.2 + dp]) })))[0]!;
    expect(Math.abs(read(gradient.y0)[0]! - (total(h, 0) - total(-h, 0)) / (2 * h))).toBeLessThan(1e-8);
    expect(Math.abs(read(gradient.params.rate)[1]! - (total(0, h) - total(0, -h)) / (2 * h))).toBeLessThan(1e-8);
    // The exact solution is y0 / (1 - y0 rate sin t); dy/dy0 = 1 / (1 - y0 rate sin t)².
    const slope = 1 / (1 - 0.7 * Math.sin(1)) ** 2;
    expect(Math.abs(read(gradient.y0)[0]! - slope)).toBeLessThan(
      given === undefined || !('steps' in given) ? 1e-6 : 3e-3,
    );
  });

  it('has a forward mode that agrees', async () => {
    const { pullback, replay } = await solveAdams(f, y0, params, options);
    const direction = { y: at([0.3, 0.2]), rate: at([-0.1, 0.4]) };
    const { tangent } = jvp(
      (x: { y: Tensor; rate: Tensor }) => replay(x.y, { ...params, rate: x.rate }),
      { y: y0, rate: params.rate },
      direction,
    );
    const back = await pullback(onesLike(y0));
    const inner = (a: Tensor, b: Tensor): number => read(a).reduce((s, v, i) => s + v * read(b)[i]!, 0);
    const reverse = inner(back.y0, direction.y) + inner(back.params.rate, direction.rate);
    // Forty or so steps whose weights add up to at most 2000, each rounded to 1e-16.
    expect(Math.abs(read(sum(tangent))[0]! - reverse)).toBeLessThan(1e-11);
  });

  it('leaves nothing behind', async () => {
    const before = backend.liveBuffers();
    const solution = await solveAdams(f, y0, params, options);
    const ct = tensor([1, 1], { backend });
    const gradient = await solution.pullback(ct);
    for (const x of [ct, gradient.y0, gradient.params.rate, gradient.params.unused]) x.dispose();
    const { value, dispose } = vjp((y: Tensor) => solution.replay(y, params), y0);
    value.dispose();
    dispose();
    solution.dispose();
    expect(backend.liveBuffers()).toBe(before);
  });
});
