import { describe, expect, it } from 'vitest';
import {
  add,
  concat,
  mul,
  neg,
  reshape,
  scope,
  ShapeError,
  slice,
  sqrt,
  sub,
  tensor,
  type Tensor,
} from '@sparseflow/tensor';
import { createReferenceBackend } from '@sparseflow/tensor/reference';
import { at, backend, breakableField, largestDifference, read } from '../test/problems.ts';
import {
  backsolve,
  checkpoint,
  direct,
  EventNotBracketedError,
  EventValueError,
  interpolated,
  rk4,
  solve,
  solveJvp,
  solveVjp,
  type Adjoint,
  type SolveEvent,
  type SolveOptions,
} from './index.ts';
import { solve as solvePlain, SolveError, type PlainEvent, type PlainOptions } from './plain.ts';

const all = [checkpoint(), checkpoint({ memory: 'sqrt' }), direct(), backsolve(), interpolated()];

/** A fall from height 10: y = 10 - g t² / 2 hits the ground at √(20 / g). */
const g = 9.81;
const fall = (_t: number, y: Float64Array): number[] => [y[1]!, -g];
const ground = { name: 'ground', value: (_t: number, y: Float64Array): number => y[0]! };

describe('events', () => {
  it.each([
    ['adaptive steps', {}],
    ['fixed steps', { solver: rk4, steps: 7 }],
  ])('end a solve at a time found to rounding: %s', (_name, options) => {
    const solution = solvePlain(fall, [10, 0], { t0: 0, t1: 5, events: [ground], saveAt: [0, 1, 2], ...options });
    const t = Math.sqrt(20 / g);
    expect(solution.status).toBe('event');
    expect(Math.abs(solution.t1 - t)).toBeLessThan(1e-12);
    expect(solution.events).toEqual([{ event: 0, t: solution.t1, y: expect.any(Float64Array) as Float64Array }]);
    expect(largestDifference(solution.y1, [0, -g * t])).toBeLessThan(1e-10);
    expect(solution.ts).toEqual([0, 1]);
    expect(solution.grid[solution.grid.length - 1]!.until).toBe(solution.t1);
  });

  it('count only in their direction, and need not end the solve', () => {
    const sine = (direction: 'up' | 'down' | 'both') => ({
      direction,
      terminal: false,
      value: (_t: number, y: Float64Array): number => y[0]!,
    });
    const events = [sine('up'), sine('down'), sine('both')];
    const f = (_t: number, y: Float64Array): number[] => [y[1]!, -y[0]!];
    const all = solvePlain(f, [1, 0], { t0: 0, t1: 10, events, rtol: 1e-10, atol: 1e-10 });
    const times = (event: number): number[] => all.events.filter((e) => e.event === event).map(({ t }) => t);
    expect(largestDifference(times(0), [1.5 * Math.PI])).toBeLessThan(1e-8);
    expect(largestDifference(times(1), [0.5 * Math.PI, 2.5 * Math.PI])).toBeLessThan(1e-8);
    expect(times(2)).toHaveLength(3);
    expect(all.status).toBe('done');
    all.events.forEach(({ y }) => expect(Math.abs(y[0]!)).toBeLessThan(1e-12));
    // Backwards in time a rise is a fall.
    const back = solvePlain(f, [1, 0], { t0: 0, t1: -10, events, rtol: 1e-10, atol: 1e-10 });
    expect(back.events.filter((e) => e.event === 1).map(({ t }) => Math.round((-2 * t) / Math.PI))).toEqual([1, 5]);
  });

  it('do not fire at the start, nor beyond the end', () => {
    const start = solvePlain(fall, [0, 20], { t0: 0, t1: 10, events: [ground] });
    expect(start.t1).toBeCloseTo(40 / g, 10);
    const short = solvePlain(fall, [10, 0], { t0: 0, t1: 1.42, events: [ground] });
    expect([short.status, short.events]).toEqual(['done', []]);
  });

  it('are found on backends that compute asynchronously, too', async () => {
    const { downloadSync: _, ...waiting } = createReferenceBackend();
    const before = waiting.liveBuffers();
    const y0 = tensor([2], { backend: waiting });
    const half: SolveEvent = { value: (_t, y) => sub(reshape(y as Tensor, []), 0.5) };
    const { t1, dispose } = await solve(
      (_t, y: Tensor) => neg(y),
      y0,
      {},
      { t0: 0, t1: 9, events: [half], dense: true },
    );
    expect(t1).toBeCloseTo(Math.log(4), 6);
    dispose();
    y0.dispose();
    expect(waiting.liveBuffers()).toBe(before);
  });

  it('that are required and never fire are an error', async () => {
    const never: SolveEvent = { name: 'height 20', required: true, value: (_t, y) => sub(y as Tensor, 20) };
    const options = { t0: 0, t1: 1, events: [never] };
    const error: unknown = await solve((_t, y: Tensor) => neg(y), at(10), {}, options).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(EventNotBracketedError);
    expect(error).toMatchInlineSnapshot(
      `[EventNotBracketedError: dopri5: height 20 has no zero: it came no closer than 10 and is -16.772837875009234 at t = 1, 100% of the interval (8 accepted steps, 0 rejected, 50 evaluations). State: growth 0.32-fold (rms). To fix: check its sign and direction, move t1, or take shorter steps.]`,
    );
    const ours = { ...ground, required: true };
    expect(() => solvePlain(() => [1], [10], { t0: 0, t1: 1, events: [ours] })).toThrow(SolveError);
  });

  describe('whose value is no number', () => {
    // The state is fine all along: y = (exp(-t), exp(t)), of two components.
    const f = (_t: number, y: Float64Array): number[] => [-y[0]!, y[1]!];
    const steps: [string, Partial<PlainOptions>][] = [
      ['adaptive steps', {}],
      ['fixed steps', { solver: rk4, steps: 10 }],
    ];
    const failureOf = (value: PlainEvent['value'], options: Partial<PlainOptions> = {}, y0 = [1, 1]): SolveError => {
      try {
        solvePlain(f, y0, { t0: 0, t1: 2, events: [{ ...ground, value: () => 1 }, { value }], ...options });
      } catch (error) {
        return error as SolveError;
      }
      throw new Error('it did not fail');
    };

    it.each(steps)('are an error that names the event and the time: %s', (_name, options) => {
      const always = failureOf(() => NaN, options);
      expect(always).toMatchObject({ name: 'SolveError', code: 'EVENT_VALUE' });
      expect(always.message).toContain('event 1 is NaN at t = 0 ');
      const none = failureOf((_t, y) => y[2]!, options);
      expect(none.message).toContain('event 1 is undefined at t = 0 ');
      // Defined until y = ½, at t = log 2.
      const late = failureOf((_t, y) => Math.sqrt(y[0]! - 0.5) + 1, options);
      const time = Number(/event 1 is NaN at t = (\S+)/.exec(late.message)![1]);
      expect(time).toBeGreaterThan(Math.LN2);
      // The end of the step that begins at the last good state, whose event has a value.
      expect(late.report!.time).toBeLessThan(Math.LN2);
      expect(late.report!.time).toBeGreaterThan(0);
    });

    it.each(steps)('return what was reached, with onFailure: %s', (_name, options) => {
      const value = (_t: number, y: Float64Array): number => Math.sqrt(y[0]! - 0.5) + 1;
      const solution = solvePlain(f, [1, 1], { t0: 0, t1: 2, events: [{ value }], onFailure: 'return', ...options });
      expect(solution.status).toBe('failed');
      expect(solution.failure).toHaveProperty('code', 'EVENT_VALUE');
      expect(solution.t1).toBe((solution.failure as SolveError).report!.time);
      expect(Math.abs(solution.y1[0]! - Math.exp(-solution.t1))).toBeLessThan(1e-4);
    });

    it.each(steps)('leave it to the state to be at fault where that is not finite: %s', (_name, options) => {
      const first = (_t: number, y: Float64Array): number => y[0]! + 1;
      expect(failureOf(first, options, [NaN, 1])).toHaveProperty('code', 'NON_FINITE_STATE');
      // Grows beyond all numbers in the first steps.
      const blowUp = (): unknown =>
        solvePlain((_t, y) => [Math.abs(y[0]!) ** 3], [10], { t0: 0, t1: 2, events: [{ value: first }], ...options });
      expect(blowUp).toThrow(
        expect.objectContaining({ code: options.steps ? 'NON_FINITE_STATE' : 'STEP_SIZE_UNDERFLOW' }),
      );
    });

    it('are an error inside a step, too', () => {
      // Of opposite signs at the ends of a step, and NaN between.
      const value = (t: number): number => (t === 0 ? -1 : t === 1 ? 1 : NaN);
      const error = failureOf(value, { solver: rk4, steps: 1, t1: 1 });
      expect(error.message).toMatch(/event 1 is NaN at t = 0\.5/);
    });

    it('may be infinite, which has a sign', () => {
      const value = (t: number): number => 1 / (t - 0.25);
      const { t1, status } = solvePlain(f, [1, 1], { t0: 0.25, t1: 2, events: [{ value, name: 'pole' }] });
      expect([t1, status]).toEqual([2, 'done']);
      const crossing = solvePlain(f, [1, 1], { t0: 0, t1: 2, events: [{ value: (t) => Math.log(t) }] });
      expect(crossing.status).toBe('event');
      expect(Math.abs(crossing.t1 - 1)).toBeLessThan(1e-12);
    });

    it('of tensors likewise; they are scalars', async () => {
      const y0 = at([1, 2]);
      const before = backend.liveBuffers();
      const decay = (_t: number, y: Tensor): Tensor => neg(y);
      const errorOf = async (value: (t: number, y: Tensor) => unknown): Promise<unknown> => {
        const events = [{ name: 'level', value }] as unknown as SolveEvent[];
        return solve(decay, y0, {}, { t0: 0, t1: 2, events }).catch((e: unknown) => e);
      };
      const first = (y: Tensor): Tensor => reshape(slice(y, [0], [1]), []);
      const error = await errorOf((_t, y) => scope(() => add(sqrt(sub(first(y), 0.5)), 1)));
      expect(error).toBeInstanceOf(EventValueError);
      expect(error).toHaveProperty('message', expect.stringContaining('level is NaN at t = '));
      expect((error as EventValueError).report.time).toBeLessThan(Math.LN2);
      const wrong = await errorOf((_t, y) => y);
      expect(wrong).toBeInstanceOf(ShapeError);
      expect(wrong).toMatchInlineSnapshot(`[ShapeError: solve: level has shape [2]. To fix: return a scalar.]`);
      for (const nothing of [undefined, 3]) expect(await errorOf(() => nothing)).toBeInstanceOf(ShapeError);
      expect(backend.liveBuffers()).toBe(before);
    });
  });

  it('do not fire for a value that is too small to be squared', () => {
    const tiny = { value: (t: number): number => 1e-200 * (1 + t) };
    expect(solvePlain(fall, [10, 0], { t0: 0, t1: 1, events: [tiny] }).events).toEqual([]);
    const sign = { value: (t: number): number => 1e-200 * (t - 0.3) };
    expect(solvePlain(fall, [10, 0], { t0: 0, t1: 1, events: [sign] }).t1).toBeCloseTo(0.3, 12);
  });

  it('of tensors: a gradient through the time of the event, by every adjoint', async () => {
    // y' = -a y from y0 reaches c at t = log(y0 / c) / a; z' = 1 + y b counts time along the way.
    const field = (_t: number, y: Tensor, p: { a: Tensor; b: Tensor }): Tensor =>
      scope(() => {
        const x = slice(y, [0], [1]);
        return concat([neg(mul(x, p.a)), add(mul(x, p.b), 1)], 0);
      });
    const level: SolveEvent<Tensor, { a: Tensor; b: Tensor }> = {
      value: (_t, y) => sub(reshape(slice(y, [0], [1]), []), 0.5),
    };
    const run = async (
      y0: number[],
      a: number,
      b: number,
      rest: Partial<SolveOptions> & { adjoint?: ReturnType<typeof checkpoint> },
    ) =>
      solveVjp(
        field,
        at(y0),
        { a: at(a), b: at(b) },
        {
          t0: 0,
          t1: 10,
          rtol: 1e-10,
          atol: 1e-10,
          saveAt: [0.5],
          events: [level as SolveEvent],
          ...rest,
        },
      );
    const loss = async (x0: number, a: number, b: number): Promise<number> => {
      const { solution } = await run([x0, 0], a, b, {});
      return 2 * read(solution.y1)[1]! + 3 * solution.t1 + read(solution.ys[0]!)[0]!;
    };
    const h = 1e-4;
    const central = async (f: (h: number) => Promise<number>): Promise<number> =>
      ((await f(h)) - (await f(-h))) / (2 * h);
    const expected = [
      await central((e) => loss(2 + e, 0.7, 0.3)),
      await central((e) => loss(2, 0.7 + e, 0.3)),
      await central((e) => loss(2, 0.7, 0.3 + e)),
    ];
    const fromT0 = await central(async (e) => {
      const { solution } = await run([2, 0], 0.7, 0.3, { t0: e });
      return 2 * read(solution.y1)[1]! + 3 * solution.t1 + read(solution.ys[0]!)[0]!;
    });
    for (const adjoint of all) {
      const before = backend.liveBuffers();
      const { solution, pullback, dispose } = await run([2, 0], 0.7, 0.3, { adjoint });
      expect(solution.t1).toBeCloseTo(Math.log(4) / 0.7, 8);
      const cotangent = { y1: at([0, 2]), ys: [at([1, 0])], t1: 3 };
      const gradient = await pullback(cotangent);
      const actual = [read(gradient.y0)[0]!, read(gradient.params.a)[0]!, read(gradient.params.b)[0]!];
      expect(largestDifference(actual, expected)).toBeLessThan(1e-6);
      // The event moves with t0, the saved time does not, and t1 has no part in it.
      expect(Math.abs(gradient.t0 - fromT0)).toBeLessThan(1e-6);
      expect(gradient.t1).toBe(0);
      dispose();
      solution.dispose();
      for (const x of [gradient.y0, gradient.params.a, gradient.params.b, cotangent.y1, cotangent.ys[0]!]) x.dispose();
      expect(backend.liveBuffers()).toBe(before + 3); // the initial state and the two parameters
    }
    // By forward mode: the state at the event and its time.
    const direction = { y0: at([0.3, -0.2]), params: { a: at(0.5), b: at(-1) } };
    const params = { a: at(0.7), b: at(0.3) };
    const before = backend.liveBuffers();
    const start = at([2, 0]);
    const options = { t0: 0, t1: 10, rtol: 1e-10, atol: 1e-10, events: [level as SolveEvent] };
    const { solution, tangent, t1 } = await solveJvp(field, start, params, direction, options);
    expect(backend.liveBuffers()).toBe(before + 1 + 3); // the start, then the state, the event's, and the tangent
    const moved = async (e: number): Promise<number[]> => {
      const end = (await run([2 + 0.3 * e, -0.2 * e], 0.7 + 0.5 * e, 0.3 - e, { saveAt: [] })).solution;
      return [...read(end.y1), end.t1];
    };
    const [up, down] = [await moved(h), await moved(-h)];
    const wanted = up.map((v, i) => (v - down[i]!) / (2 * h));
    expect(largestDifference([...read(tangent), t1], wanted)).toBeLessThan(1e-6);
    // The event holds the first component where it is.
    expect(Math.abs(read(tangent)[0]!)).toBeLessThan(1e-12);
    tangent.dispose();
    start.dispose();
    solution.dispose();
  });

  it('that do not end the solve: gradients of their times, by every adjoint', async () => {
    // x'' = -k x passes the level c + 0.1 t and the velocity 0 three times each; an event that ends the solve comes before the last three.
    const field = (_t: number, y: Tensor, { k }: { k: Tensor; c: Tensor }): Tensor =>
      scope(() => concat([slice(y, [1], [1]), neg(mul(slice(y, [0], [1]), k))], 0));
    const part = (y: Tensor, i: number): Tensor => reshape(slice(y, [i], [1]), []);
    const level: SolveEvent<Tensor, { k: Tensor; c: Tensor }> = {
      value: (t, y, { c }) => sub(sub(part(y, 0), c), 0.1 * t),
      terminal: false,
    };
    const rest: SolveEvent<Tensor> = { value: (_t, y) => part(y, 1), terminal: false };
    const stop: SolveEvent<Tensor> = { value: (t, y) => sub(add(part(y, 0), part(y, 1)), 6 - t) };
    const weights = [0.7, -1.1, 0.4, 2, -0.3, 1.5];
    const cases = [
      { events: [level, rest], fired: [1, 0, 1, 0, 1, 0] },
      { events: [level, rest, stop], fired: [1, 0, 1, 2] },
    ] as { events: SolveEvent[]; fired: number[] }[];
    for (const { events, fired } of cases) {
      const run = async ([x = 0, v = 0, k = 0, c = 0]: number[], adjoint: Adjoint = checkpoint()) =>
        solveVjp(
          field,
          at([x, v]),
          { k: at(k), c: at(c) },
          { t0: 0, t1: 6, rtol: 1e-10, atol: 1e-10, saveAt: [1, 3], events, adjoint },
        );
      const loss = async (point: number[]): Promise<number> => {
        const { solution } = await run(point);
        const times = solution.events.reduce((sum, { t }, i) => sum + weights[i]! * t, 0);
        return times + 2 * read(solution.ys[1]!)[0]! - read(solution.y1)[1]!;
      };
      const point = [1, 0.5, 1.7, 0.2];
      const h = 1e-4;
      const moved = (i: number, e: number): number[] => point.map((v, j) => (i === j ? v + e : v));
      const expected: number[] = [];
      for (const i of point.keys()) expected.push(((await loss(moved(i, h))) - (await loss(moved(i, -h)))) / (2 * h));
      for (const adjoint of all) {
        const before = backend.liveBuffers();
        const { solution, pullback, dispose } = await run(point, adjoint);
        expect(solution.events.map(({ event }) => event)).toEqual(fired);
        const cotangent = { y1: at([0, -1]), ys: [undefined, at([2, 0])], events: weights.slice(0, fired.length) };
        const { y0, params, ts, t1 } = await pullback(cotangent);
        const actual = [...read(y0), read(params.k)[0]!, read(params.c)[0]!];
        // The difference quotient is off by h² / 6 of a third derivative of about 10, 2e-8, and by the tolerance over h, 1e-6.
        expect(largestDifference(actual, expected)).toBeLessThan(1e-6);
        // Gradients in the times are those of the outputs, whose motion is the velocity: events are not among them.
        expect(ts).toHaveLength(2);
        expect([ts[0], Math.abs(ts[1]! - 2 * read(solution.ys[1]!)[1]!) < 1e-6]).toEqual([0, true]);
        const force = 1.7 * read(solution.y1)[0]!;
        expect(Math.abs(t1 - (solution.status === 'event' ? 0 : force))).toBeLessThan(1e-6);
        dispose();
        solution.dispose();
        await expect(pullback({ events: [...weights, 1] })).rejects.toThrow(`7 cotangents for ${fired.length} events`);
        for (const x of [y0, params.k, params.c, cotangent.y1, cotangent.ys[1]!]) x.dispose();
        expect(backend.liveBuffers()).toBe(before + 3); // the initial state and the two parameters
      }
    }
  });

  it('free what they made when the field throws on the way back', async () => {
    const y0 = at([1, 2]);
    const before = backend.liveBuffers();
    const { field: f, allow } = breakableField();
    const half: SolveEvent<Tensor> = { value: (_t, y) => sub(reshape(slice(y, [0], [1]), []), 0.5) };
    const options = { t0: 0, t1: 9, events: [half as SolveEvent] };
    const { solution, pullback, dispose } = await solveVjp(f, y0, {}, options);
    const kept = backend.liveBuffers();
    for (const calls of [0, 1, 3]) {
      allow(calls);
      await expect(pullback(y0)).rejects.toThrow('field failed');
      expect(backend.liveBuffers()).toBe(kept);
    }
    allow(solution.stats.nfe + 6 * solution.grid.length); // to the end of the replay, but not at the event
    await expect(solveJvp(f, y0, {}, { y0, params: {} }, options)).rejects.toThrow('field failed');
    expect(backend.liveBuffers()).toBe(kept);
    solution.dispose();
    dispose();
    expect(backend.liveBuffers()).toBe(before);
  });
});
