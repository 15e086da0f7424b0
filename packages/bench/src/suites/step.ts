import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { instrument } from '../instrument.ts';
import { measure } from '../measure.ts';
import { paths } from '../paths.ts';
import { STUDIES, trainer } from '../studies.ts';
import type { Recorder } from './suite.ts';

/** Steps in a row, training for real, over which memory is watched. */
const STEPS_FOR_MEMORY = 5000;
/** Steps before that, in which heaps and the backend's pool of freed arrays settle. */
const STEPS_TO_WARM_UP = 1000;

/** One whole optimiser step of the toy studies, the share of it that is spent outside the kernels, and memory over many. */
export async function step(record: Recorder): Promise<void> {
  for (const study of STUDIES.filter(({ name }) => record.wanted(name)))
    for (const { name, threads, create } of paths()) {
      record.progress(`${study.name}: ${name}, ${threads} thread${threads > 1 ? 's' : ''}`);
      const { backend, take } = instrument(create());
      const training = trainer(study, backend);
      const row = { case: study.name, implementation: name, threads, gflops: null, shareOfPeak: null };
      let nfe: readonly [number, number] = [0, 0];
      const inKernels: number[] = [];
      try {
        const { ms, spread, calls } = await measure(
          async () => {
            nfe = await training.step();
            inKernels.push(take());
          },
          { budget: 3 * record.budget, least: 10 },
        );
        record.row({ ...row, op: 'step', ms, spread, nfe });
        const kernels = inKernels.slice(-calls).sort((a, b) => a - b)[Math.floor(calls / 2)]!;
        const outside = Math.max(0, ms - kernels);
        const note = `${((100 * outside) / ms).toFixed(0)} % of the step`;
        record.row({ ...row, op: 'outside kernels', ms: outside, spread: 0, note });
      } finally {
        training.dispose();
      }
    }
}

/**
 * Memory after a warm-up and after many real training steps, in MB: a note, since it is no time. Resident memory also has what V8 has
 * not collected yet, which comes and goes by some MB; what is still in use after a collection would show a leak.
 */
export async function memory(record: Recorder, steps = STEPS_FOR_MEMORY): Promise<void> {
  // The fastest kernels, on the most threads.
  const list = paths();
  const fastest = list.filter(({ name }) => name === list[0]!.name).at(-1);
  if (fastest === undefined || !record.wanted('memory')) return;
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const training = trainer(STUDIES[0]!, fastest.create(), { still: false });
  const now = (): { resident: number; used: number } => {
    const resident = process.memoryUsage().rss;
    collect();
    const { heapUsed, external } = process.memoryUsage();
    return { resident: resident / 1e6, used: (heapUsed + external) / 1e6 };
  };
  try {
    for (let i = 0; i < STEPS_TO_WARM_UP; i++) await training.step();
    const before = now();
    record.progress(`memory over ${steps} steps of ${STUDIES[0]!.name}`);
    for (let i = 0; i < steps; i++) await training.step();
    const after = now();
    record.note(
      `resident memory over ${steps} training steps of ${STUDIES[0]!.name}: ${before.resident.toFixed(0)} MB, then ${after.resident.toFixed(0)} MB; in use after a collection ${before.used.toFixed(1)} MB, then ${after.used.toFixed(1)} MB`,
    );
  } finally {
    training.dispose();
  }
}
