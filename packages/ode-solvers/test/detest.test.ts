import { describe, expect, it } from 'vitest';
import type { Tensor } from '@sparseflow/tensor';
import { alf, kvaerno4, reversibleHeun, solveAdams, solveReversible } from '../src/index.ts';
import { dopri8, solve, solvers, type Solver } from '../src/plain.ts';
import { runSync } from '../src/march/coroutine.ts';
import { solveImplicit } from '../src/stiff/solveImplicit.ts';
import { at, read } from './problems.ts';

/** Hull, Enright, Fellen & Sedgwick 1972, Comparing numerical methods for ordinary differential equations: t from 0 to 20. */
interface Problem {
  readonly f: (t: number, y: ArrayLike<number>) => number[];
  readonly y0: readonly number[];
  readonly exact?: (t: number) => number;
}

/** y' = Ay with A by its rows' nonzero entries. */
const banded = (n: number, entry: (i: number, j: number) => number): Problem => ({
  f: (_, y) =>
    Array.from({ length: n }, (_unused, i) => {
      let sum = 0;
      for (let j = Math.max(0, i - 1); j <= Math.min(n - 1, i + 1); j++) sum += entry(i, j) * y[j]!;
      return sum;
    }),
  y0: Array.from({ length: n }, (_unused, i) => (i === 0 ? 1 : 0)),
});
const diffusion = (n: number): Problem => banded(n, (i, j) => (i === j ? -2 : 1));

/** The five outer planets, by Newton's law with the sun's motion left in: positions, then velocities. */
const planets: Problem = (() => {
  const [k2, m0] = [2.95912208286, 1.00000597682];
  const m = [0.000954786104043, 0.000285583733151, 0.0000437273164546, 0.0000517759138449, 0.00000277777777778];
  const position = [
    3.42947415189, 3.35386959711, 1.35494901715, 6.6414554255, 5.97156957878, 2.18231499728, 11.2630437207, 14.6952576794,
    6.27960525067, -30.1552268759, 1.65699966404, 1.43785752721, -21.123835338, 28.4465098142, 15.388265967,
  ]; // prettier-ignore
  const velocity = [
    -0.557160570446, 0.505696783289, 0.230578543901, -0.415570776342, 0.365682722812, 0.169143213293, -0.325325669158,
    0.189706021964, 0.087726532278, -0.0240476254170, -0.287659532608, -0.117219543175, -0.176860753121, -0.216393453025,
    -0.014864789309,
  ]; // prettier-ignore
  const f = (_t: number, y: ArrayLike<number>): number[] => {
    const at = (body: number, axis: number): number => y[3 * body + axis]!;
    const cube = (dx: number, dy: number, dz: number): number => Math.hypot(dx, dy, dz) ** 3;
    const r3 = m.map((_, b) => cube(at(b, 0), at(b, 1), at(b, 2)));
    const forces = m.flatMap((mass, b) =>
      [0, 1, 2].map((axis) => {
        let sum = (-(m0 + mass) * at(b, axis)) / r3[b]!;
        for (let other = 0; other < 5; other++) {
          if (other === b) continue;
          const d = [0, 1, 2].map((x) => at(other, x) - at(b, x)) as [number, number, number];
          sum += m[other]! * (d[axis]! / cube(...d) - at(other, axis) / r3[other]!);
        }
        return k2 * sum;
      }),
    );
    return [...Array.from({ length: 15 }, (_, i) => y[15 + i]!), ...forces];
  };
  return { f, y0: [...position, ...velocity] };
})();

const orbit = (e: number): Problem => ({
  f: (_, y) => {
    const [a, b] = [y[0]!, y[1]!];
    const r2 = a * a + b * b;
    const r3 = r2 * Math.sqrt(r2); // Cheaper than a power: Euler's method takes thirty million steps.
    return [y[2]!, y[3]!, -a / r3, -b / r3];
  },
  y0: [1 - e, 0, 0, Math.sqrt((1 + e) / (1 - e))],
});

const problems: Readonly<Record<string, Problem>> = {
  A1: { f: (_, y) => [-y[0]!], y0: [1], exact: (t) => Math.exp(-t) },
  A2: { f: (_, y) => [-(y[0]! ** 3) / 2], y0: [1], exact: (t) => 1 / Math.sqrt(t + 1) },
  A3: { f: (t, y) => [y[0]! * Math.cos(t)], y0: [1], exact: (t) => Math.exp(Math.sin(t)) },
  A4: { f: (_, y) => [(y[0]! / 4) * (1 - y[0]! / 20)], y0: [1], exact: (t) => 20 / (1 + 19 * Math.exp(-t / 4)) },
  A5: { f: (t, y) => [(y[0]! - t) / (y[0]! + t)], y0: [4] },
  B1: { f: (_, y) => [2 * (y[0]! - y[0]! * y[1]!), -(y[1]! - y[0]! * y[1]!)], y0: [1, 3] },
  B2: { f: (_, y) => [y[1]! - y[0]!, y[0]! - 2 * y[1]! + y[2]!, y[1]! - y[2]!], y0: [2, 0, 1] },
  B3: { f: (_, y) => [-y[0]!, y[0]! - y[1]! ** 2, y[1]! ** 2], y0: [1, 0, 0] },
  B4: {
    f: (_, y) => {
      const a = Math.hypot(y[0]!, y[1]!);
      return [-y[1]! - (y[0]! * y[2]!) / a, y[0]! - (y[1]! * y[2]!) / a, y[0]! / a];
    },
    y0: [3, 0, 0],
  },
  B5: { f: (_, y) => [y[1]! * y[2]!, -y[0]! * y[2]!, -0.51 * y[0]! * y[1]!], y0: [0, 1, 1] },
  C1: banded(10, (i, j) => (i === j ? (i < 9 ? -1 : 0) : j === i - 1 ? 1 : 0)),
  C2: banded(10, (i, j) => (i === j ? (i < 9 ? -(i + 1) : 0) : j === i - 1 ? i : 0)),
  C3: diffusion(10),
  C4: diffusion(51),
  C5: planets,
  D1: orbit(0.1),
  D2: orbit(0.3),
  D3: orbit(0.5),
  D4: orbit(0.7),
  D5: orbit(0.9),
  E1: {
    f: (t, y) => [y[1]!, -(y[1]! / (t + 1) + (1 - 0.25 / (t + 1) ** 2) * y[0]!)],
    y0: [0.671396707141803, 0.0954005144474744],
  },
  E2: { f: (_, y) => [y[1]!, (1 - y[0]! ** 2) * y[1]! - y[0]!], y0: [2, 0] },
  E3: { f: (t, y) => [y[1]!, y[0]! ** 3 / 6 - y[0]! + 2 * Math.sin(2.78535 * t)], y0: [0, 0] },
  E4: { f: (_, y) => [y[1]!, 0.32 - 0.4 * y[1]! ** 2], y0: [30, 0] },
  E5: { f: (t, y) => [y[1]!, Math.sqrt(1 + y[1]! ** 2) / (25 - t)], y0: [0, 0] },
};

/** Against a reference by the method of order 8 at 1e-12; the thresholds are diffrax's. */
describe.each(Object.entries(problems))('DETEST %s', (name, { f, y0, exact }) => {
  const interval = { t0: 0, t1: 20 };
  const reference = solve(f, y0, { ...interval, solver: dopri8, rtol: 1e-12, atol: 1e-12 }).y1;

  const errorOf = (y: ArrayLike<number>): number =>
    Math.max(...Array.from(y, (v, i) => Math.abs(v - reference[i]!) / (1 + Math.abs(reference[i]!))));

  it('has a reference that is right', () => {
    if (exact) expect(Math.abs(reference[0]! - exact(20))).toBeLessThan(1e-9);
    // An independent method at its own tightest tolerance.
    const other = solve(f, y0, { ...interval, solver: solvers.tsit5, rtol: 1e-11, atol: 1e-11 }).y1;
    other.forEach((v, i) => expect(Math.abs(v - reference[i]!)).toBeLessThan(1e-6 * (1 + Math.abs(v))));
  });

  it('is solved by adaptive Adams', async () => {
    const field = (t: number, y: Tensor): Tensor => at(f(t, y.dataSync()));
    const { y1 } = await solveAdams(field, at([...y0]), {}, { ...interval, rtol: 1e-8, atol: 1e-8 });
    expect(errorOf(read(y1))).toBeLessThan(4e-5);
  });

  it('is solved by kvaerno4', () => {
    // The Jacobian by differences: it only steers Newton's method.
    const field = (t: number, y: Float64Array): Float64Array => Float64Array.from(f(t, y));
    const jacobian = (t: number, y: Float64Array): Float64Array => {
      const [n, matrix] = [y.length, new Float64Array(y.length ** 2)];
      const here = f(t, y);
      y.forEach((value, c) => {
        const h = 1e-7 * (1 + Math.abs(value));
        const there = f(
          t,
          y.map((v, j) => (j === c ? v + h : v)),
        );
        there.forEach((v, r) => (matrix[r * n + c] = (v - here[r]!) / h));
      });
      return matrix;
    };
    const { y1, failure } = runSync(
      solveImplicit({ f: field, jacobian }, Float64Array.from(y0), {
        ...interval,
        saveAt: [],
        solver: kvaerno4,
        rtol: Float64Array.from(y0, () => 1e-8),
        atol: Float64Array.from(y0, () => 1e-8),
        firstStep: 1e-5,
        maxStep: Infinity,
        maxSteps: 1_000_000,
        pid: undefined,
        pause: undefined,
        onStep: undefined,
        fail: ({ what }) => new Error(what),
      }),
    );
    expect(failure).toBeUndefined();
    expect(errorOf(y1)).toBeLessThan(4e-5);
  });

  const adaptive = Object.values(solvers as Readonly<Record<string, Solver>>).filter(({ error }) => error);
  it.each(adaptive)('is solved by $name', (solver) => {
    const low = solver.order < 4;
    // fehlberg2's error estimate is a 256th of Heun's.
    const tolerance = low && solver.name !== 'fehlberg2' ? 1e-6 : 1e-8;
    const { y1 } = solve(f, y0, { ...interval, solver, rtol: tolerance, atol: tolerance, maxSteps: 1_000_000 });
    const allowed = low ? 1e-3 : 4e-5;
    expect(errorOf(y1)).toBeLessThan(allowed);
  });

  const orbits = name.startsWith('D');
  const byFixedSteps = Object.values(solvers as Readonly<Record<string, Solver>>).filter(({ error }) => !error);
  it.each(byFixedSteps.filter(({ order }) => !orbits || order > 1))('is solved by $name', async (solver) => {
    const { order } = solver;
    const run = (steps: number): number[] =>
      Array.from(solve(f, y0, { ...interval, solver, steps, maxSteps: 2 ** 22, onFailure: 'return' }).y1);
    const allowed = order < 4 ? 1e-3 : 4e-5;
    expect(errorOf(await refine(order, allowed, run))).toBeLessThan(allowed);
  });

  const asLimit = 'is what the results tend to, extrapolated to steps of length 0';
  const eulersLimit = (): void => {
    /** As many fixed steps, half a million at a time: each solve goes on where the one before has ended. */
    const inParts = (steps: number): number[] => {
      const parts = Math.max(1, steps / 2 ** 19);
      let y: ArrayLike<number> = y0;
      for (let i = 0; i < parts; i++)
        y = solve(f, y, {
          t0: (20 * i) / parts,
          t1: (20 * (i + 1)) / parts,
          solver: solvers.euler,
          steps: steps / parts,
          maxSteps: 2 ** 19,
        }).y1;
      return Array.from(y);
    };
    // Euler's method would need 10⁷ steps to 6 · 10⁷ on D1 to D4, and on D5 5 · 10⁸: its error is taken out as a series in the step size, which on D5
    // holds from some 10⁷ steps on, that is in parts.
    const halvings = name === 'D5' ? [21, 22, 23, 24] : [16, 17, 18, 19, 20, 21];
    expect(errorOf(extrapolate(halvings.map((k) => inParts(2 ** k))))).toBeLessThan(1e-3);
  };
  // 3 · 10⁷ steps on D5 take ten seconds of a machine that does nothing else.
  if (orbits) it(`${asLimit}, by euler`, eulersLimit, 120_000);

  describe.each([reversibleHeun, alf])('by $name, begun anew in each unit of time', (method) => {
    // A step that can be undone takes as much from one error as it adds to another: on y' = -y that of the companion grows by exp(t), and by
    // t = 20 it would be all there is.
    const run = async (steps: number): Promise<number[]> => {
      const field = (t: number, y: Tensor): Tensor => at(f(t, y.dataSync()));
      let y = at([...y0]);
      for (let t0 = 0; t0 < 20; t0++) {
        const options = { t0, t1: t0 + 1, steps: steps / 20, method, onFailure: 'return' } as const;
        ({ y1: y } = await solveReversible(field, y, {}, options));
      }
      return read(y);
    };
    // On D5 it would take 2 · 10⁵ steps. The methods are symmetric: the error is a series in the square of the step.
    const end = async (): Promise<number[]> =>
      name === 'D5'
        ? extrapolate([await run(12_800), await run(25_600), await run(51_200)], 2)
        : refine(method.order, 1e-3, run);

    it(name === 'D5' ? asLimit : 'is solved', async () => expect(errorOf(await end())).toBeLessThan(1e-3));
  });

  it.each(['explicit', 'implicit'] as const)('is solved by %s Adams of fixed steps', async (method) => {
    const field = (t: number, y: Tensor): Tensor => at(f(t, y.dataSync()));
    // The largest order by default is 5; the explicit method uses one derivative less.
    const order = method === 'explicit' ? 4 : 5;
    const tolerances = { rtol: 1e-9, atol: 1e-9, iterations: 10 };
    const last = await refine(order, 4e-5, async (steps) => {
      const options = { ...interval, ...tolerances, steps, method, onFailure: 'return' } as const;
      return read((await solveAdams(field, at([...y0]), {}, options)).y1);
    });
    expect(errorOf(last)).toBeLessThan(4e-5);
  });
});

/**
 * Doubles the number of steps until the error, as the order and two solves tell it, is a quarter of what is allowed: errors of C hᵖ
 * at h and 2 h differ by 2ᵖ - 1 times the smaller one. The reference has no part in it.
 */
async function refine(
  order: number,
  allowed: number,
  run: (steps: number) => number[] | Promise<number[]>,
): Promise<number[]> {
  let coarse = await run(200);
  for (let steps = 400; steps <= 2 ** 22; steps *= 2) {
    const fine = await run(steps);
    const change = Math.max(...fine.map((v, i) => Math.abs(v - coarse[i]!) / (1 + Math.abs(v))));
    if (change / (2 ** order - 1) < allowed / 4) return fine;
    coarse = fine;
  }
  return coarse;
}

/**
 * Romberg's extrapolation to steps of length 0 of results whose errors are a power series in the step, or in a power of it; the step is
 * halved each time.
 */
function extrapolate(rows: readonly number[][], power = 1): number[] {
  let table = rows;
  for (let j = 1; table.length > 1; j++)
    table = table.slice(1).map((fine, k) => fine.map((v, i) => v + (v - table[k]![i]!) / (2 ** (power * j) - 1)));
  return table[0]!;
}
