import type { Stats } from './options.ts';

/** Of a solve that has not begun. */
export const noStats = (): Stats => ({ accepted: 0, rejected: 0, nfe: 0, nfeBackward: 0, dtMin: 0, dtMax: 0 });

/** Counts an accepted step. */
export function countStep(stats: Stats, dt: number): void {
  const length = Math.abs(dt);
  if (!stats.accepted || length < stats.dtMin) stats.dtMin = length;
  if (length > stats.dtMax) stats.dtMax = length;
  stats.accepted++;
}
