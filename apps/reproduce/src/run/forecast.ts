import type { Calibration } from '../numerics/calibrate.ts';
import type { PlannedPoint, PointConfig } from '../plan.ts';
import { snapshotEpochs } from '../results/snapshots.ts';
import { isMlp } from '../study.ts';
import { makespan } from './schedule.ts';

/** What a run will take. Times are a range: from every step being as the first ones are, to every step taking as long as those at the end. */
export interface Forecast {
  readonly trainings: number;
  /** Analyses of trained models, whose time is not in the estimate. */
  readonly analyses: number;
  readonly steps: number;
  readonly evaluations: readonly [least: number, most: number];
  readonly seconds: readonly [least: number, most: number];
  readonly memoryBytes: number;
  readonly diskBytes: number;
}

/** What configurations that cost the same have in common. */
export function costKey({ data, net, solver, divergence, training, task }: PointConfig): string {
  return JSON.stringify([data, net, solver, divergence, training.batch, task]);
}

/** Whether a point takes training steps: analyses take none, nor does the fit of a normal distribution. */
export function isTraining({ config: { analysis, method } }: PlannedPoint): boolean {
  return analysis === undefined && method !== 'gaussian';
}

/** @param calibrations by `costKey`. */
export function forecast(
  points: readonly PlannedPoint[],
  calibrations: ReadonlyMap<string, Calibration>,
  workers: number,
): Forecast {
  const trained = points.filter(isTraining);
  const costOf = ({ config }: PlannedPoint): Calibration => calibrations.get(costKey(config))!;
  const stepsOf = (point: PlannedPoint): number => point.config.training.epochs * costOf(point).stepsPerEpoch;
  const atStart = (): number => 1;
  const atEnd = ({ growth }: PlannedPoint): number => growth;
  const secondsAs = (times: (point: PlannedPoint) => number): Map<string, number> =>
    new Map(
      points.map((point) => {
        if (!isTraining(point)) return [point.address, 0];
        const { secondsPerStep, secondsPerRow, evaluatedRows } = costOf(point);
        const seconds = stepsOf(point) * secondsPerStep + evaluatedRows * secondsPerRow;
        return [point.address, times(point) * seconds];
      }),
    );
  const evaluationsAs = (times: (point: PlannedPoint) => number): number =>
    sum(trained.map((point) => times(point) * stepsOf(point) * (costOf(point).nfeForward + costOf(point).nfeBackward)));
  const own = [...calibrations.values()].map(({ bytes }) => bytes);
  return {
    trainings: trained.length,
    analyses: points.filter(({ config }) => config.analysis !== undefined).length,
    steps: sum(trained.map(stepsOf)),
    evaluations: [evaluationsAs(atStart), evaluationsAs(atEnd)],
    seconds: [makespan(points, secondsAs(atStart), workers), makespan(points, secondsAs(atEnd), workers)],
    memoryBytes: process.memoryUsage.rss() + workers * Math.max(0, ...own),
    diskBytes: sum(trained.map((point) => bytesOf(point, costOf(point)))),
  };
}

/** Checkpoint, logs, the point itself, and for those that are drawn their arrays in base64: as measured, to a few tens of percent. */
function bytesOf({ config }: PlannedPoint, { parameters, stepsPerEpoch }: Calibration): number {
  const rows = Math.min(500, config.training.epochs * stepsPerEpoch) + config.training.epochs;
  return 8 * parameters + 2000 + 400 * rows + 2000 + (16 / 3) * numbersDrawn(config);
}

/** Of a flow of the plane its density and samples; of images samples, and of the dense flow also those of its training, which are kept twice. */
function numbersDrawn({ draw, method, net, training, evaluation: { grid, samples } }: PointConfig): number {
  if (draw === null) return 0;
  if (isMlp(net) || net.kind === 'stacked') return grid ** 2 + 2 * samples;
  const grids = method === 'dense' ? 2 + 2 * snapshotEpochs(training.epochs).length : 1;
  return grids * samples * net.shape.reduce((n, m) => n * m, 1);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
