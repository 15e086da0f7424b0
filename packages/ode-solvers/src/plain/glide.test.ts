import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  bosh3,
  dopri5,
  dopri8,
  fehlberg45,
  solve,
  SolveError,
  tsit5,
  type PlainField,
  type PlainOptions,
  type PlainSolution,
} from '../plain.ts';

/** They grow and shrink their steps, reject some, go to infinity, or stop being numbers. */
const FIELDS: Readonly<Record<string, PlainField>> = {
  lorenz(_, [x, y, z], dydt) {
    dydt[0] = 10 * (y! - x!);
    dydt[1] = x! * (28 - z!) - y!;
    dydt[2] = x! * y! - (8 / 3) * z!;
  },
  pulsed: (t, y) => y.map((value) => 3 * Math.cos(5 * t) * value),
  kinked: (t, y) => y.map((value, j) => (Math.sin(7 * t) > 0.2 * j ? 1 : -value)),
  explosive: (_, y) => y.map((value) => value * value),
  bounded: (_, y) => y.map((value) => Math.sqrt(3 - value)),
  broken: (t, y) => y.map((value) => (t * t < 1 ? -value : NaN)),
};

const between = (min: number, max: number) => fc.double({ min, max, noNaN: true });
const tolerance = fc.constantFrom(1e-2, 1e-5, 1e-9);
const option = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const times = option(fc.array(between(0, 1), { maxLength: 4 }));

const arbitrary = fc.record({
  field: fc.constantFrom(...Object.keys(FIELDS)),
  solver: fc.constantFrom(dopri5, tsit5, bosh3, fehlberg45, dopri8),
  t0: fc.oneof(fc.constantFrom(0, 1e6), between(-2, 2)),
  backwards: fc.boolean(),
  rtol: fc.oneof(tolerance, fc.tuple(tolerance, tolerance, tolerance)),
  atol: tolerance,
  saveAt: times,
  stepTo: times,
  jumpAt: times,
  firstStep: option(between(1e-6, 1)),
  // Not for its steps, which are those of the integral controller, but to be handed on.
  firstErrors: option(fc.array(between(1e-3, 1), { maxLength: 2 })),
  minStep: option(between(0, 1e-2)),
  maxStep: option(between(1e-2, 1)),
  maxSteps: option(fc.integer({ min: 1, max: 2000 })),
  safety: option(between(0.5, 0.95)),
  minFactor: option(between(0.1, 0.9)),
  maxFactor: option(between(1.1, 10)),
});

const factsOf = ({ y1, t1, status, ts, ys, grid, stats, next, failure }: PlainSolution) => {
  return { y1, t1, status, ts, ys, grid, stats, next, failure: failure?.message };
};

it('steps that nobody looks at are, to the last bit, those that somebody looks at, and the default is its own table', () => {
  const seen: Record<string, number> = {};
  const count = (what: string): void => void (seen[what] = (seen[what] ?? 0) + 1);
  fc.assert(
    fc.property(arbitrary, ({ field, t0, backwards, ...given }) => {
      const sign = backwards ? -1 : 1;
      const inOrder = (list: number[] | undefined) =>
        list?.toSorted((a, b) => a - b).map((time) => t0 + 2 * sign * time);
      const options: PlainOptions = {
        ...given,
        t0,
        t1: t0 + 2 * sign,
        saveAt: inOrder(given.saveAt),
        stepTo: inOrder(given.stepTo),
        jumpAt: inOrder(given.jumpAt),
        onFailure: 'return',
      };
      const f = FIELDS[field]!;
      const alone = solve(f, [1, 0.5, 2], options);
      // A copy of the solver is not the one whose steps are written out; who is told of each step goes the way of all.
      let looked = 0;
      const solver = { ...given.solver };
      const watched = solve(f, [1, 0.5, 2], { ...options, solver, onStep: () => looked++ });
      expect(factsOf(alone)).toEqual(factsOf(watched));
      const { accepted, rejected } = watched.stats;
      expect(looked).toBeGreaterThanOrEqual(accepted + rejected);
      if (rejected > 0) count('rejected');
      count(watched.failure instanceof SolveError ? watched.failure.code : watched.status);
    }),
    { numRuns: 600 },
  );
  // Each of them in one run of twenty at least, so that six hundred have seen all.
  const kinds = ['done', 'rejected', 'MAX_STEPS', 'STEP_SIZE_UNDERFLOW', 'NON_FINITE_DERIVATIVE'];
  expect(Object.keys(seen).toSorted()).toEqual(kinds.toSorted());
});
