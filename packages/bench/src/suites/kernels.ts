import { createTfjsBackend } from '@sparseflow/backend-tfjs';
import type { Backend, Operand } from '@sparseflow/tensor';
import { CASES, flops, problemOf, type Problem } from '../cases.ts';
import { prepareDualPass } from '../implementations/dualPass.ts';
import type { Implementation, Numbers, Prepared } from '../implementations/implementation.ts';
import { loadJaxJs } from '../implementations/jaxJs.ts';
import { prepareKernels } from '../implementations/kernels.ts';
import { preparePlainLoops } from '../implementations/plainLoops.ts';
import { measure } from '../measure.ts';
import { paths } from '../paths.ts';
import { timeConvolutions } from './convolution.ts';
import { shareOfPeak, type Recorder } from './suite.ts';

/** Everything that computes a dual pass here. */
async function implementations(record: Recorder): Promise<Implementation[]> {
  const list: Implementation[] = paths().map(({ name, threads, create }) => ({
    name,
    threads,
    prepare: (problem) => prepareKernels(create(), problem),
  }));
  try {
    const tfjs = await createTfjsBackend('wasm');
    list.push({
      name: 'decomposition on tfjs wasm',
      threads: 1,
      patience: 1e9,
      prepare: (problem) => prepareDualPass(tfjs, problem),
    });
  } catch (error) {
    record.note(`tfjs wasm is not measured: ${(error as Error).message}`);
  }
  const jaxJs = await loadJaxJs();
  list.push(...jaxJs);
  if (jaxJs.length === 0) record.note('jax-js is not measured. To measure it: npm install @jax-js/jax@0.1.25');
  list.push({ name: 'plain loops', threads: 1, patience: 1e9, prepare: preparePlainLoops });
  return list;
}

/** The largest difference of any result, relative to the largest entry of its array. */
export function disagreement(actual: Numbers, expected: Numbers): number {
  return Math.max(
    ...expected.map((e, i) => {
      let largest = 0;
      let difference = 0;
      for (let j = 0; j < e.length; j++) {
        largest = Math.max(largest, Math.abs(e[j]!));
        const d = Math.abs((actual[i]?.[j] ?? NaN) - e[j]!);
        difference = Number.isNaN(d) ? Infinity : Math.max(difference, d);
      }
      return difference / largest;
    }),
  );
}

/** Dual pass and reverse pass of the cases, by every implementation whose numbers agree; and a large matrix product. */
export async function kernels(record: Recorder): Promise<void> {
  const list = await implementations(record);
  for (const problem of CASES.filter(({ name }) => record.wanted(name)).map(problemOf)) {
    const expected = await preparePlainLoops(problem).read();
    for (const implementation of list) await timeImplementation(record, implementation, problem, expected);
  }
  for (const path of paths()) {
    if (record.wanted(MATRIX)) await timeMatMul(record, path.name, path.threads, path.create());
    await timeConvolutions(record, path, record.row);
  }
}

/** Times both passes, each only where its numbers agree; otherwise a note says why not. */
export async function timeImplementation(
  record: Recorder,
  { name, threads, patience = Infinity, limit = Infinity, prepare }: Implementation,
  problem: Problem,
  expected: Awaited<ReturnType<Prepared['read']>>,
): Promise<void> {
  if (flops(problem, 'vjp') > limit)
    return record.note(`${name} is not measured on ${problem.name}: a call would take minutes`);
  record.progress(`${problem.name}: ${name}, ${threads} thread${threads > 1 ? 's' : ''}`);
  const prepared = await prepare(problem);
  try {
    const actual = await prepared.read();
    for (const op of ['forward', 'vjp'] as const) {
      const error = disagreement(actual[op], expected[op]);
      if (!(error < 1e-3)) {
        record.note(
          `${name} is not measured on ${problem.name} ${op}: its numbers are off by ${error.toExponential(1)}`,
        );
        continue;
      }
      const work = flops(problem, op);
      const options = work > patience ? { budget: 0, least: 1 } : { budget: record.budget };
      const { ms, spread } = await measure(() => prepared[op](), options);
      const gflops = work / ms / 1e6;
      const share = shareOfPeak(record.peaks, name, threads, gflops);
      record.row({ case: problem.name, op, implementation: name, threads, ms, spread, gflops, shareOfPeak: share });
    }
  } finally {
    prepared.dispose();
  }
}

const SIZE = 512;
const MATRIX = `matMul ${SIZE}`;

async function timeMatMul(record: Recorder, name: string, threads: number, backend: Backend): Promise<void> {
  const n = SIZE;
  record.progress(`${MATRIX}: ${name}, ${threads} thread${threads > 1 ? 's' : ''}`);
  const shape = [n, n];
  const values = Float32Array.from({ length: n * n }, (_, i) => Math.sin(i));
  const operand = (): Operand => ({ buffer: backend.upload(values, shape, 'float32'), shape, dtype: 'float32' });
  const [a, b] = [operand(), operand()];
  const { ms, spread } = await measure(() => backend.dispose(backend.matMul(a, b, false, false, shape)), {
    budget: record.budget,
  });
  [a, b].forEach(({ buffer }) => backend.dispose(buffer));
  const gflops = (2 * n ** 3) / ms / 1e6;
  const share = shareOfPeak(record.peaks, name, threads, gflops);
  const row = { case: MATRIX, op: 'forward', implementation: name, threads };
  record.row({ ...row, ms, spread, gflops, shareOfPeak: share });
}
