import { createCpuBackend } from '@sparseflow/backend-cpu';
import { normal, key } from '@sparseflow/tensor';
import { CASES, flops, problemOf, type Case } from '../cases.ts';
import { prepareKernels } from '../implementations/kernels.ts';
import { measure } from '../measure.ts';
import { paths, THREADS, type Path } from '../paths.ts';
import { encode, howToInstall, missing, PEERS, timePeer } from '../peers.ts';
import type { Row } from '../report.ts';
import { BATCH, batchOf, flowOf, STUDIES, trainer, TOLERANCE } from '../studies.ts';
import { convolutionsForPeers, timeConvolutions } from './convolution.ts';
import { fieldsForPeers, timeFields } from './fields.ts';
import { shareOfPeak, type Recorder } from './suite.ts';

/** The same evaluations and the same optimiser steps here and in the Python systems, in one run. */
export async function peers(record: Recorder): Promise<void> {
  const rows: Row[] = [];
  const wanted = ({ name }: { name: string }): boolean => record.wanted(name);
  const add = (row: Row): void => void rows.push(row);
  const ours = paths().filter(({ name }) => name === 'native' || name === 'wasm');
  const fastest = ours.filter(({ name }) => name === ours[0]?.name);
  for (const path of fastest) {
    const { name, threads, create } = path;
    for (const problem of CASES.filter(wanted).map(problemOf)) {
      record.progress(`${problem.name}: ${name}, ${threads} threads`);
      const prepared = prepareKernels(create(), problem);
      for (const op of ['forward', 'vjp'] as const) {
        const { ms, spread } = await measure(() => prepared[op](), { budget: record.budget });
        const gflops = flops(problem, op) / ms / 1e6;
        const share = shareOfPeak(record.peaks, name, threads, gflops);
        add({ case: problem.name, op, implementation: name, threads, ms, spread, gflops, shareOfPeak: share });
      }
      prepared.dispose();
    }
    await timeConvolutions(record, path, add);
    await timeFields(record, path, add);
    for (const study of STUDIES.filter(wanted)) {
      const training = trainer(study, create());
      let nfe: readonly [number, number] = [0, 0];
      const { ms, spread } = await measure(async () => (nfe = await training.step()), {
        budget: record.budget,
        least: 10,
      });
      training.dispose();
      const row = { case: study.name, op: 'step', implementation: name, threads, ms, spread };
      add({ ...row, gflops: null, shareOfPeak: null, nfe });
    }
  }
  const [path] = fastest;
  if (!path) return record.note('nothing is measured: no compiled kernels run here that others could be compared with');
  const input = await peerInput(record, path);
  for (const peer of PEERS) {
    const absent = await missing(peer);
    if (absent.length > 0) {
      record.note(howToInstall(peer, absent));
      continue;
    }
    for (const threads of THREADS) {
      record.progress(`${peer.name}, ${threads} threads`);
      const result = await timePeer(peer, input, threads);
      if ('error' in result) record.note(`${peer.name} on ${threads} threads failed: ${result.error}`);
      else {
        result.rows.forEach(add);
        result.problems.forEach(record.note);
      }
    }
  }
  for (const row of withSpeedups(rows)) record.row(row);
  for (const ratio of ratios(rows)) record.note(ratio);
}

const isOurs = ({ implementation }: Row): boolean => ['native', 'wasm'].includes(implementation);

/** Our rows with how many times less they take than each peer on as many threads. */
export function withSpeedups(rows: readonly Row[]): readonly Row[] {
  return rows.map((row) => {
    const same = rows.filter(
      (other) => other.case === row.case && other.op === row.op && other.threads === row.threads,
    );
    const slower = same
      .filter((other) => !isOurs(other))
      .map(({ implementation, ms }) => [implementation, ms / row.ms] as const);
    return isOurs(row) && slower.length > 0 ? { ...row, speedups: Object.fromEntries(slower) } : row;
  });
}

/**
 * What the scripts need: numbers and our results of the evaluations, so that they are timed only where they agree, and the weights,
 * batch and noise of the studies, so that all solve the same equation.
 */
async function peerInput(record: Recorder, path: Path): Promise<object> {
  const { budget, wanted } = record;
  const backend = createCpuBackend({ path: 'reference' });
  const studies = [];
  for (const study of STUDIES.filter(({ name }) => wanted(name))) {
    const params = flowOf(study).init(key(1), { backend });
    const sizes = [2, ...study.hidden, 2];
    const read = (kind: string): Promise<number[][]> =>
      Promise.all(sizes.slice(1).map(async (_, i) => [...(await params[`layers.${i}.${kind}`]!.data())]));
    studies.push({
      name: study.name,
      sizes,
      weights: await read('weight'),
      biases: await read('bias'),
      x: [...batchOf(study)],
      noise: [...normal(key(3), 2 * BATCH)],
      learningRate: study.learningRate,
      weightDecay: study.weightDecay,
      tolerance: TOLERANCE,
    });
    Object.values(params).forEach((tensor) => tensor.dispose());
  }
  const cases = await Promise.all(CASES.filter(({ name }) => wanted(name)).map((each) => caseForPeers(each, path)));
  const [convolutions, fields] = [convolutionsForPeers(record, path), await fieldsForPeers(record, path)];
  return { seconds: budget / 1000, cases, convolutions, fields, studies };
}

/** Points, parameters (weight and bias of each layer) and results of a flow's network, which gives as many numbers as it takes. */
async function caseForPeers(each: Case, path: Path): Promise<object> {
  const problem = problemOf(each);
  const { name, sizes, batch, weights, biases, x, dx, ct, dct } = problem;
  const prepared = prepareKernels(path.create(), problem);
  const { forward, vjp } = await prepared.read();
  prepared.dispose();
  const points = [batch, sizes[0]!];
  const shapes = sizes.slice(1).flatMap((out, i) => [[out, sizes[i]!], [out]]);
  const [ofX, ...ofParams] = vjp;
  return {
    name,
    at: [x, dx, ct, dct].map((values) => encode(values, points)),
    params: weights.flatMap((weight, i) => [weight, biases[i]!]).map((values, i) => encode(values, shapes[i]!)),
    expected: [...forward, ofX!].map((values) => encode(values, points)),
    ofParams: ofParams.map((values, i) => encode(values, shapes[i]!)),
  };
}

/**
 * Each peer's best over our best, case by case. Where both say how many evaluations a step took, also what the ratio is when both
 * take as many: that of the times for each evaluation. And what the ratio would be if ours were nothing but arithmetic at the machine's
 * peak: no program that does the same arithmetic can have a larger one.
 */
export function ratios(rows: readonly Row[]): readonly string[] {
  const best = (list: readonly Row[]): Row => list.reduce((a, b) => (b.ms < a.ms ? b : a));
  const keys = [...new Set(rows.map((row) => `${row.case} ${row.op}`))];
  return keys.flatMap((name) => {
    const same = rows.filter((row) => `${row.case} ${row.op}` === name);
    const own = same.filter(isOurs);
    if (own.length === 0) return [];
    const names = [...new Set(same.filter((row) => !isOurs(row)).map((row) => row.implementation))];
    return names.map((other) => {
      const theirs = best(same.filter((row) => row.implementation === other));
      const mine = best(own);
      const calls = (row: Row): string => (row.nfe ? ` (NFE ${row.nfe.join('+')})` : '');
      const ratio = theirs.ms / mine.ms;
      const both = theirs.nfe && mine.nfe;
      const equal = both ? `, ${((ratio * total(mine.nfe)) / total(theirs.nfe)).toFixed(1)}× at equal NFE` : '';
      const peak = mine.shareOfPeak ? `; ${(ratio / mine.shareOfPeak).toFixed(1)}× at the machine's peak` : '';
      return `${name}: ${ratio.toFixed(1)}× ${other}, ${mine.ms.toPrecision(3)} ms${calls(mine)} against ${theirs.ms.toPrecision(3)} ms${calls(theirs)}${equal}${peak}`;
    });
  });
}

const total = ([forward, backward]: readonly [number, number]): number => forward + backward;
