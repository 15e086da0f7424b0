import { disposeTree, flattenTree, ValueError, type Params, type Tensor, type Tree } from '@sparseflow/tensor';
import type { Adjoint } from './adjoints/adjoint.ts';
import { backsolve, interpolated } from './adjoints/backsolve.ts';
import { checkpoint } from './adjoints/checkpoint.ts';
import { direct } from './adjoints/direct.ts';
import { above, ensure, type Rule } from './check.ts';
import { stateLayout } from './layout.ts';
import type { Stats } from './options.ts';
import type { SolveOptions, VectorField } from './solve.ts';
import { reversibleHeun } from './reversible/reversibleHeun.ts';
import { solveReversible, type ReversibleOptions } from './reversible/solveReversible.ts';
import { solveVjp, type SolutionCotangent, type SolutionGradient } from './solveVjp.ts';

/** How the gradient of one adjoint compares with that of the first. */
export interface AdjointComparison {
  readonly name: string;
  /** The largest difference in any element, over the largest element of the first adjoint's whole gradient. */
  readonly difference: { readonly y0: number; readonly params: number; readonly times: number };
  /** Whether every difference is within `within`. */
  readonly agrees: boolean;
  readonly nfeBackward: number;
}

export interface AdjointReport {
  readonly agrees: boolean;
  readonly comparisons: readonly AdjointComparison[];
  /** The comparison as a table, for people. */
  readonly text: string;
}

export interface CheckAdjointOptions extends SolveOptions {
  /** The first is what the others are compared with. Default: direct, checkpoint, interpolated and backsolve. */
  readonly adjoints?: readonly Adjoint[] | undefined;
  /**
   * Also compares `solveReversible` by so many steps, given the cotangent of `y1` alone and no events. Its gradient is that of its own
   * steps, so that the difference has the method's error in it, which falls with the square of their number.
   */
  readonly reversible?: Pick<ReversibleOptions, 'steps' | 'method'> | undefined;
  /** Relative, default 1e-5: meant for tolerances of about 1e-8 and float64. */
  readonly within?: number | undefined;
}

const someAdjoints: Rule = [
  (list: readonly Adjoint[]) =>
    Array.isArray(list) && list.length > 0 && list.every((one) => Object(one) === one && 'pullback' in one),
  'a list of adjoints such as checkpoint()',
];

/**
 * Differentiates one solve by several adjoints and reports how far apart their gradients are. Where `backsolve` stands out, the
 * field contracts and its backward solve is unstable; where the discrete ones agree and both continuous ones do not, the
 * tolerances are too loose.
 *
 * @throws {ShapeError} for a cotangent of more than `y1` where `reversible` is given
 * @throws what `solve` throws, unless an adjoint's own backward solve fails: that is reported as a difference of NaN
 *
 * @example
 * ```ts
 * import { mul, neg, onesLike, tensor } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 * import { checkAdjoint } from '@sparseflow/ode-solvers';
 *
 * const backend = createReferenceBackend();
 * const y0 = tensor([1, 2], { backend });
 * const params = { rate: tensor(0.5, { backend }) };
 * const options = { t0: 0, t1: 2, rtol: 1e-8, atol: 1e-8 };
 * const report = await checkAdjoint((_t, y, p) => neg(mul(p.rate, y)), y0, params, onesLike(y0), options);
 * console.log(report.agrees, report.text);
 * ```
 */
export async function checkAdjoint<Y extends Tree, P extends Tree = Params>(
  f: VectorField<Y, P>,
  y0: Y,
  params: P,
  cotangent: Y | SolutionCotangent<Y>,
  options: CheckAdjointOptions,
): Promise<AdjointReport> {
  const {
    adjoints = [direct(), checkpoint(), interpolated(), backsolve()],
    reversible,
    within = 1e-5,
    ...rest
  } = { ...options };
  const refuse = (what: string, remedy: string): Error => new ValueError('checkAdjoint', what, remedy);
  ensure('adjoints', adjoints, someAdjoints, refuse);
  ensure('within', within, above(0), refuse);
  const ways = adjoints.map((adjoint): Way<Y, P> => ({
    name: adjoint.name,
    async solve() {
      const { solution, pullback, dispose } = await solveVjp(f, y0, params, { ...rest, adjoint });
      return {
        stats: solution.stats,
        pullback: async () => pullback(cotangent),
        dispose() {
          dispose();
          solution.dispose();
        },
      };
    },
  }));
  const gradients: Gradient[] = [];
  if (reversible) {
    if (rest.events?.length) throw refuse('reversible steps know no events', 'leave out one of them');
    const { t0, t1, signal } = rest;
    const { method = reversibleHeun } = reversible;
    const layout = stateLayout(y0, 'checkAdjoint');
    const ofEnd = layout.unflatten(layout.flatten(cotangent as Y, 'cotangent'));
    ways.push({
      name: method.name,
      async solve() {
        const { pullback, ...run } = await solveReversible(f, y0, params, { ...reversible, t0, t1, signal });
        // The times of saved states have no part in it.
        const ts = gradients[0]!.times.slice(2);
        return { ...run, pullback: async () => ({ ...(await pullback(ofEnd)), ts }) };
      },
    });
  }
  for (const { solve } of ways) {
    const run = await solve();
    try {
      const g = await run.pullback();
      const [byY, byParams] = [await download(g.y0), await download(g.params)];
      gradients.push({ y0: byY, params: byParams, times: [g.t0, g.t1, ...g.ts] });
      disposeTree([g.y0, g.params] as Tree);
    } catch (error) {
      if (gradients.length === 0) throw error;
      gradients.push({ y0: [NaN], params: [NaN], times: [NaN] });
    } finally {
      run.dispose();
    }
    gradients[gradients.length - 1]!.nfeBackward = run.stats.nfeBackward;
  }
  const { y0: y, params: p, times } = gradients[0]!;
  const scale = Math.max(...[...y, ...p, ...times].map(Math.abs), Number.MIN_VALUE);
  const comparisons = gradients.map((gradient, i): AdjointComparison => {
    const difference = {
      y0: distance(gradient.y0, y, scale),
      params: distance(gradient.params, p, scale),
      times: distance(gradient.times, times, scale),
    };
    const agrees = Object.values(difference).every((d) => d <= within);
    return { name: ways[i]!.name, difference, agrees, nfeBackward: gradient.nfeBackward! };
  });
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell) => cell.padEnd(20))
      .join('')
      .trimEnd();
  const rows = comparisons.map(({ name, difference, agrees, nfeBackward }) =>
    line([
      name,
      ...[difference.y0, difference.params, difference.times].map((d) => d.toExponential(1)),
      String(nfeBackward),
      agrees ? 'agrees' : 'differs',
    ]),
  );
  const head = line(['adjoint', 'y0', 'params', 'times', 'nfeBackward', `within ${within}`]);
  return { agrees: comparisons.every(({ agrees }) => agrees), comparisons, text: [head, ...rows].join('\n') };
}

/** A way to differentiate: a solve that can be taken back once. */
interface Way<Y extends Tree, P extends Tree> {
  readonly name: string;
  solve(): Promise<{
    readonly stats: Stats;
    pullback(): Promise<SolutionGradient<Y, P>>;
    dispose(): void;
  }>;
}

interface Gradient {
  readonly y0: number[];
  readonly params: number[];
  readonly times: readonly number[];
  nfeBackward?: number;
}

async function download(tree: Tree): Promise<number[]> {
  const parts = await Promise.all(flattenTree(tree).map((leaf: Tensor) => leaf.data()));
  return parts.flatMap((part) => Array.from(part));
}

/** The largest difference on a scale; NaN counts as the largest. */
function distance(a: readonly number[], b: readonly number[], scale: number): number {
  if (a.length !== b.length) return NaN;
  return a.reduce((worst, x, i) => {
    const d = Math.abs(x - b[i]!) / scale;
    return d <= worst ? worst : d;
  }, 0);
}
