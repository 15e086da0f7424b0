import { describe, expect, it } from 'vitest';
import {
  add,
  grad,
  hvp,
  jvp,
  mul,
  neg,
  ones,
  scope,
  sin,
  sum,
  tanh,
  tensor,
  vjp,
  type Tensor,
} from '@sparseflow/tensor';
import { at, backend, largestDifference, read } from '../test/problems.ts';
import { replay, rk4, solve, solvers, type Solver, type Step } from './index.ts';

const each = Object.values(solvers as Readonly<Record<string, Solver>>);
type P = { readonly rate: Tensor };
const decay = (_t: number, y: Tensor, { rate }: P): Tensor => neg(mul(rate, y));
const pendulum = (t: number, [x, v]: readonly Tensor[], { rate }: P): readonly Tensor[] => [
  v!,
  scope(() => add(neg(mul(rate, sin(x!))), Math.cos(t))),
];

describe('replay', () => {
  it.each(each)('takes the steps of $name again, bit for bit', async (solver) => {
    const params = { rate: at(0.8) };
    const y0 = [at([0.1, 1]), at([2, 0])];
    for (const options of [{ steps: 7 }, { rtol: 1e-5 }, { rtol: 1e-5, stepTo: [2, 3] }]) {
      if (!solver.error && !('steps' in options)) continue;
      const { grid, y1 } = await solve(pendulum, y0, params, { t0: 0, t1: 3, solver, ...options });
      const before = backend.liveBuffers();
      const again = replay(pendulum, y0, params, grid, { solver });
      expect(backend.liveBuffers()).toBe(before + 2);
      expect(again.map(read)).toEqual(y1.map(read));
    }
  });

  it('is differentiable to the second and third order', async () => {
    // y(1) = exp(-r): the derivatives in r are those of the exponential.
    const params = { rate: at(0.5) };
    const y0 = at([1]);
    const { grid } = await solve(decay, y0, params, { t0: 0, t1: 1, rtol: 1e-10, atol: 1e-12 });
    const loss = (rate: Tensor): Tensor => sum(replay(decay, y0, { rate }, grid));
    const before = backend.liveBuffers();
    const first = grad(loss)(params.rate);
    const second = grad((r: Tensor) => grad(loss)(r))(params.rate);
    const third = hvp((r: Tensor) => grad(loss)(r), params.rate, at(1));
    expect(Math.abs(read(first)[0]! + Math.exp(-0.5))).toBeLessThan(1e-8);
    expect(Math.abs(read(second)[0]! - Math.exp(-0.5))).toBeLessThan(1e-8);
    expect(Math.abs(read(third)[0]! + Math.exp(-0.5))).toBeLessThan(1e-8);
    for (const x of [first, second, third]) x.dispose();
    expect(backend.liveBuffers()).toBe(before + 1); // the direction
  });

  it('goes through forward mode, and through a record of someone else', async () => {
    const params = { rate: at(0.5) };
    const { grid } = await solve(decay, at([1, 2]), params, { t0: 0, t1: 1, rtol: 1e-8, atol: 1e-8 });
    const y0 = at([1, 2]);
    const { tangent } = jvp((y: Tensor) => replay(decay, y, params, grid), y0, at([1, 1]));
    read(tangent).forEach((v) => expect(Math.abs(v - Math.exp(-0.5))).toBeLessThan(1e-7));

    const before = backend.liveBuffers();
    const run = vjp((y: Tensor) => tanh(replay(decay, mul(y, 2), params, grid)), y0);
    const back = run.pullback(ones([2], { backend }));
    const e = Math.exp(-0.5);
    const exact = [1, 2].map((y) => (1 - Math.tanh(2 * y * e) ** 2) * 2 * e);
    expect(largestDifference(read(back), exact)).toBeLessThan(1e-7);
    run.dispose();
    run.value.dispose();
    back.dispose();
    expect(backend.liveBuffers()).toBe(before + 1); // the cotangent
  });

  it('takes a grid that was made by hand, and none', () => {
    const grid: Step[] = [0, 1, 2, 3].map((i) => ({ t: i / 4, dt: 1 / 4 }));
    const y = replay(decay, at([1]), { rate: at(1) }, grid, { solver: rk4 });
    expect(Math.abs(read(y)[0]! - Math.exp(-1))).toBeLessThan(1e-4);
    const y0 = tensor([3], { backend });
    const same = replay(decay, y0, { rate: at(1) }, []);
    expect(read(same)).toEqual([3]);
    expect(same).not.toBe(y0);
  });

  it('frees everything when the field throws', () => {
    const y0 = at([1]);
    const params = { rate: at(1) };
    const before = backend.liveBuffers();
    let calls = 0;
    const failing = (t: number, y: Tensor, p: P): Tensor => {
      if (++calls === 6) throw new Error('field failed');
      return decay(t, y, p);
    };
    expect(() =>
      replay(
        failing,
        y0,
        params,
        [
          { t: 0, dt: 1 },
          { t: 1, dt: 1 },
        ],
        { solver: rk4 },
      ),
    ).toThrow('field failed');
    expect(backend.liveBuffers()).toBe(before);
  });
});
