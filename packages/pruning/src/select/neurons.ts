import type { NeuronGroup, Params } from '@sparseflow/tensor';
import { copyMasks } from '../masks.ts';
import type { HostMasks } from '../masks.ts';
import { clearUnits, liveUnits } from '../units.ts';
import type { Family } from './family.ts';
import { byScore } from './order.ts';
import type { WeightScope } from './weights.ts';

/** `complete`: a removed unit vanishes whole. `original`: its bias and gates stay, and count. */
export type Counting = 'complete' | 'original';

interface Unit {
  readonly group: number;
  readonly unit: number;
  /** Its place among the live units of its group, best first. */
  readonly rank: number;
  /** Units go in ascending order of this. */
  priority: number;
}

/**
 * Choices among whole units. The best units of each group, at least one, are in every choice, so no layer is ever emptied. Of
 * equal scores, the lower index wins, and before it the group of the same class that is listed first.
 *
 * With one class units go one by one. With several, every class keeps round(share · live units) for one share, but for what must stay,
 * and the choices are all shares that differ: the unit of rank r among n is kept while share · n ≥ r + ½. Classes in which that falls on
 * the same share lose their units together.
 */
export function neuronFamily(
  params: Params,
  live: HostMasks,
  neurons: readonly NeuronGroup[],
  scores: ReadonlyMap<string, ArrayLike<number>>,
  { classOf, minKept }: WeightScope,
  counting: Counting,
): Family {
  const alive = neurons.map((group) => liveUnits(params, live, group));
  const units = neurons.flatMap((group, g): Unit[] => {
    const own = scores.get(group.name)!;
    const candidates = [...byScore(own)].filter((unit) => alive[g]![unit] !== 0);
    return candidates.map((unit, rank) => ({ group: g, unit, rank, priority: own[unit]! }));
  });
  const classes = new Map<string, Unit[]>();
  for (const unit of units) {
    const name = classOf(neurons[unit.group]!.name);
    const members = classes.get(name);
    if (members) members.push(unit);
    else classes.set(name, [unit]);
  }
  const ranked = classes.size > 1;
  if (ranked) for (const members of classes.values()) rankWithin(members);
  const removable = units.filter(({ group, rank }) => rank >= Math.max(1, minKept(neurons[group]!.name)));
  const order = byScore(removable.map(({ priority }) => priority));
  /** Where the choices end in the order: after each unit, or after each set of units of equal priority. */
  const ends = [0];
  order.forEach((at, i) => {
    const next = order[i + 1];
    const together = ranked && next !== undefined && removable[next]!.priority === removable[at]!.priority;
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

/** Replaces scores by places in the class. Units come group by group, so the order of equal ones is that of the groups. */
function rankWithin(members: Unit[]): void {
  byScore(members.map(({ priority }) => priority)).forEach((at, rank) => {
    members[at]!.priority = -(2 * rank + 1) / (2 * members.length);
  });
}
