import { describeMachine } from './machine.ts';
import { measurePeaks, paths } from './paths.ts';
import type { Report, Row, Suite } from './report.ts';
import { browser } from './suites/browser.ts';
import { hessian } from './suites/hessian.ts';
import { kernels } from './suites/kernels.ts';
import { ode } from './suites/ode.ts';
import { peers } from './suites/peers.ts';
import { pruned } from './suites/pruned.ts';
import { sparse } from './suites/sparse.ts';
import { memory, step } from './suites/step.ts';
import type { Recorder } from './suites/suite.ts';
import { webgpu } from './suites/webgpu.ts';

export interface RunOptions {
  /** Milliseconds for each measurement. Default 600. */
  readonly budget?: number;
  /** Measure these alone, by their names in the table; without it, all. */
  readonly cases?: readonly string[];
  /** Told what is measured now. */
  readonly onProgress?: (text: string) => void;
}

const suites: Readonly<Record<Suite, (record: Recorder) => Promise<void>>> = {
  kernels,
  async step(record) {
    await step(record);
    await memory(record);
  },
  sparse,
  pruned,
  hessian,
  peers,
  browser,
  webgpu,
  ode,
};

/**
 * Measures one suite on this machine, with the peak of its arithmetic units in the same run.
 *
 * @example
 * ```ts no-run
 * import { runSuite, table } from '@sparseflow/bench';
 *
 * console.log(table(await runSuite('kernels', { budget: 200 })));
 * ```
 */
export async function runSuite(
  suite: Suite,
  { budget = 600, cases, onProgress = () => undefined }: RunOptions = {},
): Promise<Report> {
  onProgress('peak of the arithmetic units');
  const peaks = measurePeaks(paths());
  const rows: Row[] = [];
  const notes: string[] = [];
  await suites[suite]({
    row: (row) => rows.push(row),
    note: (text) => notes.push(text),
    wanted: (name) => cases === undefined || cases.includes(name),
    progress: onProgress,
    peaks,
    budget,
  });
  const peakGflops = peaks.length > 0 ? Math.max(...peaks.map(({ gflops }) => gflops)) : null;
  return { schema: 1, suite, machine: describeMachine(), peakGflops, peaks, rows, notes };
}
