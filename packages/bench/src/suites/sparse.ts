import { key, uniform } from '@sparseflow/tensor';
import { CASES, flops, problemOf, type Case, type Problem } from '../cases.ts';
import { prepareKernels } from '../implementations/kernels.ts';
import { measure } from '../measure.ts';
import { paths } from '../paths.ts';
import type { Recorder } from './suite.ts';

const SHARES_OF_ZEROS = [0.5, 0.8, 0.9, 0.95, 0.98];

/** B and C with some of their weights pruned, on one thread: sparse against dense, and the dense network with as many weights. */
export async function sparse(record: Recorder): Promise<void> {
  const path = paths().find(({ threads }) => threads === 1);
  if (path === undefined) return record.note('sparse is not measured: no compiled kernels run here');
  const backend = path.create();

  const time = async (
    name: string,
    problem: Problem,
    implementation: string,
    against?: Timings,
    masks?: readonly Float32Array[],
  ): Promise<Timings> => {
    record.progress(`${name}: ${implementation}`);
    const prepared = prepareKernels(backend, problem, masks);
    const kept = masks ? sum(masks.map((mask) => sum(mask))) / sum(problem.weights.map((w) => w.length)) : 1;
    const timings: Record<string, number> = {};
    for (const op of ['forward', 'vjp'] as const) {
      const { ms, spread } = await measure(() => prepared[op](), { budget: record.budget });
      timings[op] = ms;
      const gflops = (kept * flops(problem, op)) / ms / 1e6;
      const row = { case: name, op, implementation, threads: 1, ms, spread, gflops, shareOfPeak: null };
      record.row(against ? { ...row, speedups: { dense: against[op] / ms } } : row);
    }
    prepared.dispose();
    return timings as unknown as Timings;
  };

  for (const network of CASES.slice(1).filter(({ name }) => record.wanted(name))) {
    const problem = problemOf(network);
    const dense = await time(network.name, problem, `${path.name} dense`);
    for (const share of SHARES_OF_ZEROS) {
      const name = `${network.name}, ${100 * share} % zeros`;
      const masks = problem.weights.map((w, i) =>
        Float32Array.from(uniform(key(i), w.length), (u) => Number(u >= share)),
      );
      await time(name, problem, `${path.name} sparse`, dense, masks);
      await time(name, problemOf(smaller(network, 1 - share)), `${path.name}, smaller and dense`, dense);
    }
  }
}

type Timings = { readonly forward: number; readonly vjp: number };

const sum = (values: ArrayLike<number>): number => Array.from(values).reduce((a, b) => a + b, 0);

/** The network with hidden layers so narrow that it has about this share of the weights. */
export function smaller({ name, sizes, batch }: Case, share: number): Case {
  const weights = (s: readonly number[]): number => s.slice(1).reduce((total, out, i) => total + out * s[i]!, 0);
  const scaled = (factor: number): number[] =>
    sizes.map((n, i) => (i === 0 || i === sizes.length - 1 ? n : Math.max(1, Math.round(n * factor))));
  let [low, high] = [0, 1];
  for (let i = 0; i < 30; i++) {
    const middle = (low + high) / 2;
    if (weights(scaled(middle)) < share * weights(sizes)) low = middle;
    else high = middle;
  }
  return { name, sizes: scaled(high), batch };
}
