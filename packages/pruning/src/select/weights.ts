import type { HostMasks } from '../masks.ts';
import { copyMasks, countOnes } from '../masks.ts';
import type { Family } from './family.ts';
import { byScore } from './order.ts';

/**
 * Choices among single entries: member k keeps the k best of those that `live` keeps in the scored parameters, and everything in the
 * others. Of equal scores, the parameter that comes first in `scores` wins, then the lower index.
 *
 * With local scope, an entry of rank r among the n live ones of its parameter stands at (r + ½)/n: for every k each parameter then keeps
 * the same share to within one entry (Webster's apportionment), and the choices are nested.
 */
export function weightFamily(
  live: HostMasks,
  scores: ReadonlyMap<string, ArrayLike<number>>,
  scope: 'global' | 'local',
): Family {
  const names = [...scores.keys()];
  const values = new Float64Array(names.reduce((n, name) => n + countOnes(live[name]!), 0));
  let filled = 0;
  for (const name of names) {
    const mask = live[name]!;
    const given = scores.get(name)!;
    const start = filled;
    for (let i = 0; i < mask.length; i++) if (mask[i] !== 0) values[filled++] = given[i]!;
    if (scope === 'local') {
      const own = values.subarray(start, filled);
      byScore(own).forEach((i, rank) => (own[i] = -(rank + 0.5) / own.length));
    }
  }
  const ascending = values.slice().sort();

  return {
    length: values.length + 1,
    at(k) {
      const masks = copyMasks(live);
      // Everything above the k-th largest score is kept, and as many that equal it as there is room for, by index.
      const threshold = k === 0 ? Infinity : ascending[ascending.length - k]!;
      let equalsLeft = k === 0 ? 0 : k - (ascending.length - countUpTo(ascending, threshold));
      let i = 0;
      for (const name of names) {
        const mask = masks[name]!;
        for (let index = 0; index < mask.length; index++) {
          if (mask[index] === 0) continue;
          const value = values[i++]!;
          if (value > threshold) continue;
          if (value === threshold && equalsLeft > 0) equalsLeft--;
          else mask[index] = 0;
        }
      }
      return masks;
    },
  };
}

/** How many numbers of an ascending array are at most x. */
function countUpTo(ascending: Float64Array, x: number): number {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ascending[middle]! <= x) low = middle + 1;
    else high = middle;
  }
  return low;
}
