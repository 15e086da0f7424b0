import type { PlannedPoint } from './plan.ts';
import { planStudy } from './plan.ts';
import type { PrunerChoice } from './pruners.ts';
import type { RunIdentity } from './result.ts';
import type { Point } from './results/schema.ts';
import type { Store } from './results/store.ts';
import type { Study } from './study.ts';

/** One study of a run: what is planned of it, and which points are there. */
export interface Work {
  readonly study: Study;
  readonly identity: RunIdentity;
  readonly planned: readonly PlannedPoint[];
  /** Finished points by address; more come while the program runs. */
  readonly known: Map<string, Point>;
}

/** Plans a study and finds the points that are finished already. */
export function findWork(
  study: Study,
  identity: RunIdentity,
  pruners: readonly PrunerChoice[],
  store: Pick<Store, 'loadPoint'>,
): Work {
  const planned = planStudy(study, { ...identity, pruners });
  const known = new Map<string, Point>();
  for (const point of planned) {
    const stored = store.loadPoint(point);
    if (stored !== undefined) known.set(point.address, stored);
  }
  return { study, identity, planned, known };
}

/** Whether every point is there. */
export function isComplete({ planned, known }: Work): boolean {
  return planned.every(({ address }) => known.has(address));
}

/** How many of the study's own points are there, without the models that it only looks at. */
export function countPoints({ planned, known }: Work): number {
  return planned.filter(({ address, prerequisite }) => prerequisite !== true && known.has(address)).length;
}

/** Whether there is anything to show. */
export function hasPoints(work: Work): boolean {
  return countPoints(work) > 0;
}

/**
 * Takes out of what is known the points that must be computed again: those without what they left for the figures, and those that others
 * continue from but whose checkpoint is gone.
 */
export function forgetUnusable(
  { planned, known }: Work,
  store: Pick<Store, 'loadArtefact' | 'checkpointDirectory'>,
  canContinueFrom: (checkpoints: string, address: string) => boolean,
): void {
  for (const point of planned) {
    if (known.get(point.address)?.status !== 'ok' || point.config.draw === null) continue;
    // Its checkpoint, where it has one, spares the training.
    if (store.loadArtefact(point) === undefined) known.delete(point.address);
  }
  for (const { address, folder, config } of [...planned].reverse()) {
    const { parent } = config;
    if (parent === null || known.has(address) || !known.has(parent)) continue;
    if (!canContinueFrom(store.checkpointDirectory(folder), parent)) known.delete(parent);
  }
}
