import { describe, expect, it } from 'vitest';
import {
  cast,
  DTypeError,
  jvp,
  mul,
  neg,
  onesLike,
  reshape,
  scope,
  ShapeError,
  sin,
  slice,
  square,
  sub,
  tensor,
  ValueError,
  type Tensor,
} from '@sparseflow/tensor';
import { at, backend, largestDifference, read } from '../../test/problems.ts';
import {
  dopri5,
  dopri8,
  NonFiniteDerivativeError,
  NonFiniteStateError,
  rk4,
  solveBatch,
  solveVjp,
  StepSizeUnderflowError,
} from '../index.ts';
import { solve as solvePlain } from '../plain.ts';

const rates = [1, 3, 2000, 0.5];
const field = (t: Tensor, y: Tensor, p: { rate: Tensor }): Tensor =>
  scope(() => neg(mul(p.rate, sub(y, sin(reshape(t, [t.size, 1]))))));
const states = [
  [1, 2],
  [0.5, -1],
  [3, 0],
  [0, 0],
];
const run = (rows: readonly number[], rest: object = {}) =>
  solveBatch(
    field,
    at(rows.map((i) => states[i]!)),
    { rate: at(rows.map((i) => [rates[i]!])) },
    { t0: 0, t1: 2, rtol: 1e-6, atol: 1e-6, saveAt: [0, 0.3, 1.7], ...rest },
  );

describe('solveBatch', () => {
  it('solves a row in a batch with a stiff neighbour as it would alone', async () => {
    const all = await run([0, 1, 2, 3]);
    for (const i of [0, 1, 2, 3]) {
      const alone = await run([i]);
      expect(largestDifference(read(alone.y1), read(all.y1).slice(2 * i, 2 * i + 2))).toBeLessThan(1e-12);
      alone.ys.forEach((y, n) =>
        expect(largestDifference(read(y), read(all.ys[n]!).slice(2 * i, 2 * i + 2))).toBeLessThan(1e-12),
      );
      expect(all.stats[i]).toEqual(alone.stats[0]);
    }
    expect(all.stats[2]!.accepted).toBeGreaterThan(20 * all.stats[0]!.accepted);
  });

  it('takes the steps that a solve of the row alone takes', async () => {
    const all = await run([0, 1, 2, 3]);
    for (const i of [0, 1, 2, 3]) {
      const options = { t0: 0, t1: 2, rtol: 1e-6, atol: 1e-6, saveAt: [0, 0.3, 1.7] };
      const plain = solvePlain((t, y) => y.map((v) => -rates[i]! * (v - Math.sin(t))), states[i]!, options);
      expect(all.stats[i]!.accepted).toBe(plain.stats.accepted);
      expect(largestDifference(plain.y1, read(all.y1).slice(2 * i, 2 * i + 2))).toBeLessThan(1e-9);
      plain.ys.forEach((y, n) =>
        expect(largestDifference(y, read(all.ys[n]!).slice(2 * i, 2 * i + 2))).toBeLessThan(1e-9),
      );
    }
  });

  it('permutes its answer with the batch', async () => {
    const [a, b] = [await run([0, 1, 2, 3]), await run([3, 1, 0, 2])];
    const row = (s: typeof a, i: number): number[] => read(s.y1).slice(2 * i, 2 * i + 2);
    [3, 1, 0, 2].forEach((i, j) => expect(row(b, j)).toEqual(row(a, i)));
  });

  it('takes an interval for each row, forwards or backwards, and no interval', async () => {
    const y0 = at([[1], [1], [1]]);
    const { y1, stats } = await solveBatch((_t, y: Tensor) => neg(y), y0, {}, { t0: [0, 1, 2], t1: [1, 0, 2] });
    expect(largestDifference(read(y1), [Math.exp(-1), Math.exp(1), 1])).toBeLessThan(1e-6);
    expect(stats[2]).toMatchObject({ accepted: 0, rejected: 0 });
  });

  it('takes trees, and leaves nothing behind', async () => {
    const before = backend.liveBuffers();
    const y0 = { a: at([[1, 2], [3, 4]]), b: at([1, 2]) }; // prettier-ignore
    const f = (_t: Tensor, y: typeof y0) => scope(() => ({ a: neg(y.a), b: reshape(slice(y.a, [0, 0], [2, 1]), [2]) }));
    const solution = await solveBatch(f, y0, {}, { t0: 0, t1: 1, saveAt: [0.5] });
    expect(largestDifference(read(solution.y1.b), [1 + 1 - Math.exp(-1), 2 + 3 * (1 - Math.exp(-1))])).toBeLessThan(
      1e-6,
    );
    solution.dispose();
    y0.a.dispose();
    y0.b.dispose();
    expect(backend.liveBuffers()).toBe(before);
  });

  it('names the row that fails, and refuses what does not fit', async () => {
    const y0 = at([[0.1], [1]]);
    const before = backend.liveBuffers();
    const error: unknown = await solveBatch((_t, y: Tensor) => square(y), y0, {}, { t0: 0, t1: 2, rtol: 1e-5 }).catch(
      (e: unknown) => e,
    );
    expect(error).toBeInstanceOf(StepSizeUnderflowError);
    expect(error).toHaveProperty('message', expect.stringContaining('row 1'));
    expect(backend.liveBuffers()).toBe(before);
    const f = (_t: Tensor, y: Tensor): Tensor => neg(y);
    await expect(solveBatch(f, at([[1], [NaN]]), {}, { t0: 0, t1: 1 })).rejects.toThrow(
      /row 1: the state is not finite/,
    );
    await expect(solveBatch(f, y0, {}, { t0: [0], t1: 1 })).rejects.toThrow(/t0 has 1 entries for 2 rows/);
    await expect(solveBatch(f, tensor(1, { backend }), {}, { t0: 0, t1: 1 })).rejects.toThrow(/share a first axis/);
    await expect(solveBatch(f, y0, {}, { t0: 0, t1: 1, solver: rk4, saveAt: [1] })).rejects.toThrow(
      /no error estimate/,
    );
  });
});

describe('solveBatch, when it ends early', () => {
  const y0 = at([[1], [2]]);
  const decay = (_t: Tensor, y: Tensor): Tensor => neg(y);
  /** Solves, and gives the error when all that was made is freed. */
  const errorOf = async (f: (t: Tensor, y: Tensor) => Tensor, rest: object = {}, start = y0): Promise<unknown> => {
    const before = backend.liveBuffers();
    const error: unknown = await solveBatch(f, start, {}, { t0: 0, t1: 2, ...rest }).catch((e: unknown) => e);
    expect(backend.liveBuffers()).toBe(before);
    return error;
  };

  it('frees everything when the field throws, returns something else, or a signal aborts', async () => {
    for (const failing of [1, 2, 3, 8, 20]) {
      let calls = 0;
      const throwing = (t: Tensor, y: Tensor): Tensor => {
        const value = decay(t, y);
        if (++calls === failing) throw new Error('field failed');
        return value;
      };
      expect(await errorOf(throwing, { saveAt: [0.1, 1] })).toHaveProperty('message', 'field failed');
    }
    expect(await errorOf((_t, y) => reshape(y, [2]))).toBeInstanceOf(ShapeError);
    expect(await errorOf((_t, y) => cast(y, 'float32'))).toBeInstanceOf(DTypeError);
    const controller = new AbortController();
    let calls = 0;
    const aborting = (t: Tensor, y: Tensor): Tensor => {
      if (++calls === 10) controller.abort(new Error('enough'));
      return decay(t, y);
    };
    expect(await errorOf(aborting, { signal: controller.signal })).toHaveProperty('message', 'enough');
    for (const wrong of [{ atol: 0 }, { rtol: -1 }, { saveAt: [1, 0.5] }, { t1: NaN }])
      expect(await errorOf(decay, wrong)).toBeInstanceOf(ValueError);
  });

  it('says so where NaN is in a row, in the field, or in the field from some time on', async () => {
    for (const rest of [{}, { firstStep: 0.1 }]) {
      const start = at([[1], [NaN]]);
      const state = await errorOf(decay, rest, start);
      expect(state).toBeInstanceOf(NonFiniteStateError);
      expect(state).toHaveProperty('message', expect.stringContaining('row 1'));
      expect(await errorOf((_t, y) => mul(y, NaN), rest)).toBeInstanceOf(NonFiniteDerivativeError);
    }
    const late = (t: Tensor, y: Tensor): Tensor => scope(() => mul(y, read(t)[0]! > 0.5 ? NaN : -1));
    const error = await errorOf(late, { rtol: 1e-5, atol: 1e-5 });
    expect(error).toBeInstanceOf(NonFiniteDerivativeError);
    expect((error as NonFiniteDerivativeError).report.time).toBeGreaterThan(0.5 - 1e-9);
  });
});

describe('the gradient of solveBatch', () => {
  const y0 = at(states);
  const params = { rate: at([[1], [3], [20], [0.5]]), unused: at([1]) };
  const f = (t: Tensor, y: Tensor, p: typeof params): Tensor => field(t, y, p);
  const options = { t0: [0, 0, 0.5, 1], t1: [2, 1, 1.5, 1], rtol: 1e-8, atol: 1e-8 };

  it.each([dopri5, dopri8])('is that of each row solved alone, by $name', async (solver) => {
    const { y1, replay, pullback } = await solveBatch(f, y0, params, { ...options, solver });
    expect(largestDifference(read(replay(y0, params)), read(y1))).toBeLessThan(1e-12);
    const gradient = await pullback(onesLike(y0));
    expect(read(gradient.params.unused)).toEqual([0]);
    for (const i of [0, 1, 2, 3]) {
      const alone = await solveVjp(
        (t, y: Tensor, p: { rate: Tensor }) => scope(() => neg(mul(p.rate, sub(y, Math.sin(t))))),
        at(states[i]!),
        { rate: at(read(params.rate)[i]!) },
        { t0: options.t0[i]!, t1: options.t1[i]!, rtol: 1e-8, atol: 1e-8, solver },
      );
      const own = await alone.pullback(onesLike(alone.solution.y1));
      expect(largestDifference(read(own.y0), read(gradient.y0).slice(2 * i, 2 * i + 2))).toBeLessThan(1e-9);
      expect(Math.abs(read(own.params.rate)[0]! - read(gradient.params.rate)[i]!)).toBeLessThan(1e-9);
    }
  });

  it('is the same by forward mode, and leaves nothing behind', async () => {
    const before = backend.liveBuffers();
    const solution = await solveBatch(f, y0, params, options);
    const direction = { rate: at([[0.1], [-1], [0.3], [2]]) };
    const { value, tangent } = jvp((x: { rate: Tensor }) => solution.replay(y0, { ...params, ...x }), { rate: params.rate }, direction); // prettier-ignore
    const ct = onesLike(y0);
    const gradient = await solution.pullback(ct);
    const forward = read(tangent).reduce((a, b) => a + b);
    const reverse = read(gradient.params.rate).reduce((s, g, i) => s + g * read(direction.rate)[i]!, 0);
    expect(Math.abs(forward - reverse)).toBeLessThan(1e-11);
    expect(solution.nfeBackward).toBeGreaterThan(0);
    for (const x of [direction.rate, value, tangent, ct, gradient.y0, gradient.params.rate, gradient.params.unused])
      x.dispose();
    solution.dispose();
    expect(backend.liveBuffers()).toBe(before);
  });
});
