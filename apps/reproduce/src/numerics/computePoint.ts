import type { Job, Outcome } from '../run/executor.ts';
import { analysePoint } from './analysePoint.ts';
import type { TrainHooks } from './trainPoint.ts';
import { trainPoint } from './trainPoint.ts';

/** Computes a point, whichever kind it is. */
export function computePoint(job: Job, hooks: TrainHooks): Promise<Outcome> {
  return job.planned.config.analysis === undefined ? trainPoint(job, hooks) : analysePoint(job, hooks);
}
