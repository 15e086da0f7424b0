import type { NeuronGroup, Params } from '@sparseflow/tensor';
import { copyMasks } from '../masks.ts';
import type { HostMasks } from '../masks.ts';
import { clearUnits, liveUnits } from '../units.ts';
import type { Family } from './family.ts';
import { byScore } from './order.ts';

/** `complete`: a removed unit vanishes whole. `original`: its bias and gates stay, and count. */
export type Counting = 'complete' | 'original';

interface Unit {
  readonly group: number;
  readonly unit: number;
  /** Its place among the live units of its group, best first. */
  readonly rank: number;
  /** Units go in ascending order of this. */
  readonly priority: number;
}

/**
 * Choices among whole units. The best unit of each group is in every choice, so no layer is ever emptied. Of equal scores, the lower
 * index wins, and with global scope before it the group that is listed first.
 *
 * With global scope units go one by one. With local scope every group keeps max(1, round(share · live units)) for one share, and the
 * choices are all shares that differ: the unit of rank r among n is kept while share · n ≥ r + ½. Groups in which that falls on the same
 * share lose their units together.
 */
export function neuronFamily(
  params: Params,
  live: HostMasks,
  neurons: readonly NeuronGroup[],
  scores: ReadonlyMap<string, ArrayLike<number>>,
  scope: 'global' | 'local',
  counting: Counting,
): Family {
  const alive = neurons.map((group) => liveUnits(params, live, group));
  const units = neurons.flatMap((group, g): Unit[] => {
    const own = scores.get(group.name)!;
    const candidates = [...byScore(own)].filter((unit) => alive[g]![unit] !== 0);
    return candidates.map((unit, rank) => ({
      group: g,
      unit,
      rank,
      priority: scope === 'global' ? own[unit]! : -(2 * rank + 1) / (2 * candidates.length),
    }));
  });
  const removable = units.filter(({ rank }) => rank > 0);
  const order = byScore(removable.map(({ priority }) => priority));
  /** Where the choices end in the order: after each unit, or after each set of units of equal priority. */
  const ends = [0];
  order.forEach((at, i) => {
    const next = order[i + 1];
    const together = scope === 'local' && next !== undefined && removable[next]!.priority === removable[at]!.priority;
    if (!together) ends.push(i + 1);
  });

  return {
    length: ends.length,
    at(i) {
      const kept = alive.map((a) => a.slice());
      for (const at of order.subarray(ends[i])) kept[removable[at]!.group]![removable[at]!.unit] = 0;
      const masks = copyMasks(live);
      neurons.forEach(({ axes }, g) => {
        // Units that were removed earlier are left as they are: their biases may have been kept.
        const removed = kept[g]!.map((k, unit) => (alive[g]![unit] !== 0 && k === 0 ? 0 : 1));
        const own = counting === 'complete' ? axes : axes.filter(({ role }) => role !== 'bias');
        clearUnits(params, masks, own, removed);
      });
      return masks;
    },
  };
}
