import { dopri5, dopri8, solve, tsit5, type Solver } from '@sparseflow/ode-solvers/plain';
import { handWrittenDopri5 } from './handWritten.ts';
import type { OdeProblem } from './problems.ts';

/** A solver of plain arrays that is timed. */
export interface OdeImplementation {
  readonly name: string;
  /** The end of a problem at a tolerance. `count` is called at every evaluation where it is given. */
  solve(problem: OdeProblem, tolerance: number, count?: () => void): ArrayLike<number>;
}

type Returning = OdeProblem['f'];

/** Counts evaluations only where asked to, as the counting takes time. */
function counted<Args extends unknown[], R>(f: (...args: Args) => R, count: (() => void) | undefined) {
  if (!count) return f;
  return (...args: Args): R => {
    count();
    return f(...args);
  };
}

const ours = (solver: Solver, name = solver.name, inPlace = true): OdeImplementation => ({
  name,
  solve({ f, into, y0, t1 }, tolerance, count) {
    const options = { t0: 0, t1, rtol: tolerance, atol: tolerance, solver, maxSteps: 1e7 };
    return solve(counted(inPlace ? into : f, count), y0, options).y1;
  },
});

interface Odex {
  readonly Solver: new (n: number) => {
    absoluteTolerance: number;
    relativeTolerance: number;
    maxSteps: number;
    solve(f: Returning, t0: number, y0: readonly number[], t1: number): { readonly y: number[] };
  };
}

interface Numeric {
  dopri(
    t0: number,
    t1: number,
    y0: readonly number[],
    f: Returning,
    tolerance: number,
    maxSteps: number,
  ): { readonly y: number[][] };
}

/** Ours, one written by hand, and those of other libraries that are installed. */
export async function odeImplementations(note: (text: string) => void): Promise<OdeImplementation[]> {
  const list: OdeImplementation[] = [
    ours(dopri5),
    ours(dopri5, 'dopri5, f returns', false),
    ours(tsit5),
    ours(dopri8),
    {
      name: 'by hand (dopri5)',
      solve: ({ into, y0, t1 }, tolerance, count) => handWrittenDopri5(counted(into, count), y0, t1, tolerance),
    },
  ];
  // By a name that the type checker does not follow: one has no types, the other's source does not pass.
  const load = async <T>(name: string): Promise<T | undefined> => {
    try {
      const loaded = (await import(name)) as { readonly default?: T } & T;
      return loaded.default ?? loaded;
    } catch {
      note(`${name} is not measured: it is not installed. To install: npm install ${name}`);
      return undefined;
    }
  };
  const odex = await load<Odex>('odex');
  if (odex) {
    list.push({
      name: 'odex',
      solve({ f, y0, t1 }, tolerance, count) {
        const solver = new odex.Solver(y0.length);
        solver.absoluteTolerance = solver.relativeTolerance = tolerance;
        solver.maxSteps = 1e6;
        return solver.solve(counted(f, count), 0, y0, t1).y;
      },
    });
  }
  const numeric = await load<Numeric>('numeric');
  if (numeric) {
    list.push({
      name: 'numeric',
      solve: ({ f, y0, t1 }, tolerance, count) => numeric.dopri(0, t1, y0, counted(f, count), tolerance, 1e6).y.at(-1)!,
    });
  }
  return list;
}
