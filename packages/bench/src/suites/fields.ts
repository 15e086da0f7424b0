import { disposeTree, type Tensor } from '@sparseflow/tensor';
import { FIELDS, prepareField, TIME } from '../fields.ts';
import { measure } from '../measure.ts';
import type { Path } from '../paths.ts';
import { encode } from '../peers.ts';
import type { Row } from '../report.ts';
import { shareOfPeak, type Recorder } from './suite.ts';

/** One evaluation of FFJORD's fields on one path: value and divergence, and the cotangents of point and parameters. */
export async function timeFields(record: Recorder, path: Path, add: (row: Row) => void): Promise<void> {
  const { name: implementation, threads } = path;
  for (const field of FIELDS.filter(({ name }) => record.wanted(name))) {
    record.progress(`${field.name}: ${implementation}, ${threads} thread${threads > 1 ? 's' : ''}`);
    const problem = await prepareField(field, path.create());
    for (const op of ['forward', 'vjp'] as const) {
      const { ms, spread } = await measure(() => disposeTree(problem[op]()), { budget: record.budget });
      const gflops = problem.flops(op) / ms / 1e6;
      const share = shareOfPeak(record.peaks, implementation, threads, gflops);
      add({ case: field.name, op, implementation, threads, ms, spread, gflops, shareOfPeak: share });
    }
    problem.dispose();
  }
}

/** What another system needs to evaluate the same fields, and what comes out here, so that it is timed only where it agrees. */
export async function fieldsForPeers({ wanted }: Recorder, path: Path): Promise<readonly object[]> {
  const fields = [];
  for (const field of FIELDS.filter(({ name }) => wanted(name))) {
    const problem = await prepareField(field, path.create());
    const { params, z, noise, ofValue, ofDivergence } = problem;
    const [forward, vjp] = [problem.forward(), problem.vjp()];
    const ofParams = problem.expand(vjp.params);
    fields.push({
      name: field.name,
      net: field.net,
      time: TIME,
      at: encoded({ z, noise, ofValue, ofDivergence }),
      params: encoded(params),
      expected: { ...encoded({ ...forward, z: vjp.z }), params: encoded(ofParams) },
    });
    disposeTree([forward, vjp, ofParams]);
    problem.dispose();
  }
  return fields;
}

function encoded(tensors: Readonly<Record<string, Tensor>>): object {
  return Object.fromEntries(Object.entries(tensors).map(([name, x]) => [name, encode(x.dataSync(), x.shape)]));
}
