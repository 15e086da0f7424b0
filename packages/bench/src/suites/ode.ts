import { solve } from '@sparseflow/ode-solvers';
import { affine, tensor, type Tensor } from '@sparseflow/tensor';
import { measure } from '../measure.ts';
import { odeImplementations } from '../ode/implementations.ts';
import { ODE_PROBLEMS } from '../ode/problems.ts';
import { workNotes } from '../ode/workFor.ts';
import { paths } from '../paths.ts';
import { howToInstall, missing, timePeer } from '../peers.ts';
import type { Row } from '../report.ts';
import type { Recorder } from './suite.ts';

/** Solvers of ordinary differential equations at the same tolerances: time, evaluations, and the error at the end. */
export async function ode(record: Recorder): Promise<void> {
  const rows: Row[] = [];
  const kept = {
    ...record,
    row(row: Row): void {
      rows.push(row);
      record.row(row);
    },
  };
  await plainArrays(kept);
  await pythonPeers(kept);
  for (const note of workNotes(rows, ERRORS)) record.note(note);
  await stepOfTensors(record);
}

/** For which it is said what they take. */
const ERRORS = [1e-3, 1e-5, 1e-7];

async function plainArrays(record: Recorder): Promise<void> {
  const implementations = await odeImplementations(record.note);
  for (const problem of ODE_PROBLEMS.filter(({ name }) => record.wanted(name))) {
    for (const { name, solve: run } of implementations) {
      record.progress(`${problem.name}: ${name}`);
      for (const tolerance of problem.tolerances) {
        let evaluations = 0;
        const end = run(problem, tolerance, () => evaluations++);
        const { ms, spread } = await measure(() => run(problem, tolerance), {
          budget: record.budget / problem.tolerances.length + record.budget / 10,
        });
        const error = problem.end && Math.hypot(...problem.end.map((value, i) => value - end[i]!));
        record.row({
          case: problem.name,
          op: `rtol ${tolerance.toExponential(0)}`,
          implementation: name,
          threads: 1,
          ms,
          spread,
          gflops: null,
          shareOfPeak: null,
          nfe: [evaluations, 0],
          ...(error !== undefined && { error }),
        });
      }
    }
  }
}

/** Each by itself: who has one of them need not have the others. */
const PYTHON = ['scipy', 'torchdiffeq', 'diffrax'] as const;

async function pythonPeers(record: Recorder): Promise<void> {
  const input = {
    seconds: record.budget / 6000,
    problems: ODE_PROBLEMS.filter(({ name }) => record.wanted(name)).map(({ name, y0, t1, tolerances, end }) => ({
      name,
      y0,
      t1,
      tolerances,
      end: end ?? null,
    })),
  };
  for (const name of PYTHON) {
    const peer = { name, script: 'ode.py', modules: [name] };
    const absent = await missing(peer);
    if (absent.length > 0) {
      record.note(howToInstall(peer, absent));
      continue;
    }
    record.progress(name);
    const result = await timePeer(peer, { ...input, library: name }, 1);
    if ('error' in result) record.note(`${name} failed: ${result.error}`);
    else {
      result.rows.forEach(record.row);
      result.problems.forEach(record.note);
    }
  }
}

/** The case of the steps' cost. */
const STEPS = '3,072 floats';
/** Some 200 steps. The state decays, but not to subnormal numbers, with which many processors take a hundred times as long. */
const STEPS_OPTIONS = { t0: 0, t1: 10, rtol: 1e-5, atol: 1e-5, maxStep: 0.05 };

/** What a step of the tensor solver costs besides the field: 3,072 numbers, the state of a flow's batch of 1024 points. */
async function stepOfTensors(record: Recorder): Promise<void> {
  if (!record.wanted(STEPS)) return;
  for (const { name, threads, create } of paths().filter((path) => path.threads === 1)) {
    record.progress(`steps of tensors: ${name}`);
    const backend = create();
    const y0 = tensor(
      Float32Array.from({ length: 3072 }, (_, i) => Math.sin(i)),
      { backend, shape: [1024, 3] },
    );
    let inside = 0;
    const field = (_t: number, y: Tensor): Tensor => {
      const start = performance.now();
      const result = affine(y, -1);
      inside += performance.now() - start;
      return result;
    };
    let steps = 1;
    const times: number[] = [];
    await measure(
      async () => {
        inside = 0;
        const start = performance.now();
        const solution = await solve(field, y0, {}, STEPS_OPTIONS);
        times.push(performance.now() - start - inside);
        steps = solution.stats.accepted + solution.stats.rejected;
        solution.dispose();
      },
      { budget: record.budget },
    );
    const sorted = times.slice(-Math.ceil(times.length / 2)).sort((a, b) => a - b);
    const at = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))]! / steps;
    record.row({
      case: STEPS,
      op: 'dopri5 step outside f',
      implementation: name,
      threads,
      ms: at(0.5),
      spread: (at(0.75) - at(0.25)) / 2 / at(0.5),
      gflops: null,
      shareOfPeak: null,
      note: `${(1000 * at(0.5)).toFixed(1)} µs, the fastest ${(1000 * at(0)).toFixed(1)}`,
    });
    y0.dispose();
  }
}
