import type { Step } from './options.ts';

/** The step that a time lies in, and how far along; undefined outside the grid. The later of two steps that meet there. */
export function stepAt(grid: readonly Step[], end: number, time: number): { n: number; theta: number } | undefined {
  const first = grid[0] ?? { t: end, dt: 1 };
  const direction = Math.sign(first.dt);
  if (!((time - first.t) * direction >= 0 && (end - time) * direction >= 0)) return undefined;
  let [low, high] = [0, grid.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((time - grid[middle]!.t) * direction >= 0) low = middle;
    else high = middle - 1;
  }
  const step = grid[low];
  return { n: low, theta: step ? (time - step.t) / step.dt : 0 };
}
