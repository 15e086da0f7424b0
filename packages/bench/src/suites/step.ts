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

/** Resident memory after a warm-up and after many real training steps, in MB: a note, since it is no time. */
export async function memory(record: Recorder, steps = STEPS_FOR_MEMORY): Promise<void> {
  // The fastest kernels, on the most threads.
  const list = paths();
  const fastest = list.filter(({ name }) => name === list[0]!.name).at(-1);
  if (fastest === undefined || !record.wanted('memory')) return;
  const training = trainer(STUDIES[0]!, fastest.create(), { still: false });
  const resident = (): number => process.memoryUsage().rss / 1e6;
  try {
    for (let i = 0; i < STEPS_TO_WARM_UP; i++) await training.step();
    const before = resident();
    record.progress(`memory over ${steps} steps of ${STUDIES[0]!.name}`);
    for (let i = 0; i < steps; i++) await training.step();
    record.note(
      `resident memory over ${steps} training steps of ${STUDIES[0]!.name}: ${before.toFixed(0)} MB, then ${resident().toFixed(0)} MB`,
    );
  } finally {
    training.dispose();
  }
}
