import type { Job, Outcome } from '../run/executor.ts';
import { analysePoint } from './analysePoint.ts';
import { gaussianPoint } from './gaussianPoint.ts';
import type { TrainHooks } from './trainPoint.ts';
import { trainPoint } from './trainPoint.ts';

/** Computes a point, whichever kind it is. */
export function computePoint(job: Job, hooks: TrainHooks): Promise<Outcome> {
  const { analysis, method } = job.planned.config;
  if (method === 'gaussian') return gaussianPoint(job);
  return analysis === undefined ? trainPoint(job, hooks) : analysePoint(job, hooks);
}
