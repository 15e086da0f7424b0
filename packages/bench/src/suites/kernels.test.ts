import { expect, it } from 'vitest';
import { flops, problemOf } from '../cases.ts';
import type { Implementation, Prepared } from '../implementations/implementation.ts';
import { loadJaxJs } from '../implementations/jaxJs.ts';
import { preparePlainLoops } from '../implementations/plainLoops.ts';
import type { Row } from '../report.ts';
import { disagreement, timeImplementation } from './kernels.ts';

const problem = problemOf({ name: 'small', sizes: [3, 9, 7, 3], batch: 21 });

/** What is recorded of an implementation that is told to compute the problem. */
async function recorded(implementation: Partial<Implementation>): Promise<{ rows: Row[]; notes: string[] }> {
  const [rows, notes]: [Row[], string[]] = [[], []];
  const recorder = {
    row: (row: Row) => void rows.push(row),
    note: (text: string) => void notes.push(text),
    wanted: () => true,
    progress: () => undefined,
    peaks: [{ implementation: 'loops', threads: 1, gflops: 4 }],
    budget: 1,
  };
  const expected = await preparePlainLoops(problem).read();
  const loops = { name: 'loops', threads: 1, prepare: preparePlainLoops };
  await timeImplementation(recorder, { ...loops, ...implementation }, problem, expected);
  return { rows, notes };
}

it('times the passes of an implementation that is right', async () => {
  const { rows, notes } = await recorded({});
  expect(notes).toEqual([]);
  expect(rows.map(({ op }) => op)).toEqual(['forward', 'vjp']);
  rows.forEach((row, i) => {
    expect((row.gflops! * row.ms * 1e6) / flops(problem, i === 0 ? 'forward' : 'vjp')).toBeCloseTo(1, 10);
    expect(row.shareOfPeak).toBe(row.gflops! / 4);
  });
});

it('leaves out the pass whose numbers are off, with how far', async () => {
  const prepare = (): Prepared => {
    const prepared = preparePlainLoops(problem);
    return {
      ...prepared,
      async read() {
        const { forward, vjp } = await prepared.read();
        // The last bias, whose cotangent no other result shows.
        return {
          forward,
          vjp: vjp.with(
            -1,
            Array.from(vjp.at(-1)!, (v) => 1.01 * v),
          ),
        };
      },
    };
  };
  const { rows, notes } = await recorded({ prepare });
  expect(rows.map(({ op }) => op)).toEqual(['forward']);
  expect(notes).toEqual(['loops is not measured on small vjp: its numbers are off by 1.0e-2']);
});

it('leaves out what a call of would take minutes', async () => {
  const { rows, notes } = await recorded({ limit: flops(problem, 'vjp') - 1 });
  expect(rows).toEqual([]);
  expect(notes).toEqual(['loops is not measured on small: a call would take minutes']);
});

it('jax-js computes the same on every device', async () => {
  const expected = await preparePlainLoops(problem).read();
  const implementations = await loadJaxJs();
  expect(implementations.map(({ name }) => name)).toEqual(['jax-js wasm', 'jax-js cpu']);
  for (const { prepare } of implementations) {
    const prepared = await prepare(problem);
    const actual = await prepared.read();
    // float32 against float64 on sums of at most 21 terms.
    expect(disagreement(actual.forward, expected.forward)).toBeLessThan(4e-6);
    expect(disagreement(actual.vjp, expected.vjp)).toBeLessThan(4e-6);
    prepared.dispose();
  }
});
