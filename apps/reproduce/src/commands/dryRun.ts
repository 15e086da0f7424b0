import { isOnGpu } from '../numerics/backends.ts';
import { calibrate } from '../numerics/calibrate.ts';
import type { Calibration } from '../numerics/calibrate.ts';
import type { Options } from '../options.ts';
import type { PlannedPoint, PointConfig } from '../plan.ts';
import { isOurs, readPoints } from '../results/read.ts';
import type { Store } from '../results/store.ts';
import { formatDuration } from '../run/describe.ts';
import type { Forecast } from '../run/forecast.ts';
import { costKey, forecast, isTraining } from '../run/forecast.ts';

/** Reads what a results directory holds without creating or locking it. */
export function readOnlyStore(directory: string): Pick<Store, 'loadPoint'> {
  const stored = isOurs(directory) ? readPoints(directory, () => undefined) : [];
  const points = new Map(stored.map(({ point }) => [point.address, point]));
  return { loadPoint: ({ address }) => points.get(address) };
}

/** For about how many milliseconds steps are measured, of each kind and of all together: a range that is wide anyway is not worth waiting for. */
const enough = { ofEach: 1500, ofAll: 10_000 };

/**
 * Says what a run would compute and what it would take, from a few training steps of each kind that are measured here.
 *
 * @param todo points that are missing.
 * @param readsFiles whether studies read data files, whose splits were then prepared.
 * @param note is told what takes a while.
 */
export async function describeDryRun(
  todo: readonly PlannedPoint[],
  kept: number,
  options: Options,
  backend: string,
  readsFiles: boolean,
  note: (line: string) => void,
): Promise<string> {
  const kinds = new Map<string, PointConfig>();
  for (const { config } of todo.filter(isTraining)) {
    const key = costKey(config);
    if (!kinds.has(key)) kinds.set(key, config);
  }
  const milliseconds = Math.min(enough.ofEach, enough.ofAll / kinds.size);
  if (kinds.size > enough.ofAll / enough.ofEach) note(`Measuring the first steps of ${kinds.size} kinds of training …`);
  const calibrations = new Map<string, Calibration>();
  for (const [key, config] of kinds) calibrations.set(key, await calibrate(config, 1, options.dataDir, milliseconds));
  const workers = Math.max(1, Math.min(options.workers, todo.length));
  const expected = forecast(todo, calibrations, workers);
  if (options.json) return `${JSON.stringify({ kept, workers, backend, ...expected }, null, 2)}\n`;
  return describe(expected, [...calibrations.values()], kept, workers, options, backend, readsFiles);
}

function describe(
  { trainings, analyses, steps, evaluations, seconds, memoryBytes, diskBytes }: Forecast,
  calibrations: readonly Calibration[],
  kept: number,
  workers: number,
  { budget, protocol, out }: Options,
  backend: string,
  readsFiles: boolean,
): string {
  const measured = calibrations
    .toSorted((a, b) => a.secondsPerStep - b.secondsPerStep)
    .map(
      ({ secondsPerStep, nfeForward, nfeBackward, steps: taken, rows }) =>
        `${(secondsPerStep * 1000).toFixed(1)} ms with NFE ${nfeForward.toFixed(0)}+${nfeBackward.toFixed(0)} (${taken} steps of ${rows} rows, scaled to whole batches)`,
    );
  // Studies of many settings have as many kinds of steps.
  const shown =
    measured.length <= 4 ? measured.join('; ') : `${measured.length} kinds, from ${measured[0]} to ${measured.at(-1)}`;
  const most = protocol === 'converged' ? 'at most ' : '';
  const lines = [
    `${trainings} trainings${analyses > 0 ? ` and ${analyses} analyses` : ''} to compute, ${kept} points kept from before; ${budget} budget.`,
    ...(trainings === 0
      ? []
      : [
          `steps    ${most}${steps.toLocaleString('en')}; measured here at the start of training: ${shown}`,
          `NFE      ${most}${evaluations.map(count).join(' to ')} field evaluations: they grow as flows learn`,
          `time     ${most}${range(seconds)} with ${workers} ${workers === 1 ? 'worker' : 'workers'}${analyses > 0 ? ', and what the analyses take' : ''}`,
          `memory   about ${mebibytes(memoryBytes)}${isOnGpu(backend) ? ', not counting what the GPU holds' : ''}`,
          `disk     about ${mebibytes(diskBytes)} in ${out}`,
        ]),
    `Nothing was written to ${out}.${readsFiles ? ' The splits of data files are in the cache, where runs look for them.' : ''}`,
  ];
  return `${lines.join('\n')}\n`;
}

function range([least, most]: readonly [number, number]): string {
  return `about ${formatDuration(least)} to ${formatDuration(most)}`;
}

function count(value: number): string {
  return value >= 1e6 ? `${(value / 1e6).toFixed(1)} million` : Math.round(value).toLocaleString('en');
}

function mebibytes(bytes: number): string {
  return `${Math.max(1, Math.round(bytes / 2 ** 20))} MiB`;
}
