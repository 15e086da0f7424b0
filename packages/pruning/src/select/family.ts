import { countLive } from '../masks.ts';
import type { HostMasks } from '../masks.ts';

/**
 * Nested choices of what to keep, from the fewest entries to the most: member i keeps all that member i - 1 keeps. So sizes ascend, and
 * the member for a budget is found by bisection, exactly.
 */
export interface Family {
  readonly length: number;
  /** The masks of member i. */
  at(i: number): HostMasks;
}

/** The member whose size is nearest to `target`; of two equally near ones, the smaller. */
export function nearest(family: Family, target: number): HostMasks {
  let low = 0;
  let high = family.length - 1;
  // Smallest member that reaches the target, or the last one.
  while (low < high) {
    const middle = (low + high) >> 1;
    if (countLive(family.at(middle)) >= target) high = middle;
    else low = middle + 1;
  }
  const above = family.at(low);
  if (low === 0) return above;
  const below = family.at(low - 1);
  return countLive(above) - target < target - countLive(below) ? above : below;
}
