import type { HostMasks } from '../masks.ts';
import { copyMasks, countOnes } from '../masks.ts';
import type { Family } from './family.ts';
import { byScore } from './order.ts';

/** Between which entries scores are compared, and what no choice goes below. */
export interface WeightScope {
  /** Scores are compared among parameters of the same class; all classes keep the same share. */
  readonly classOf: (name: string) => string;
  /** How many entries of a parameter, or units of a group, stay: the best ones. */
  readonly minKept: (name: string) => number;
}

/**
 * Choices among single entries: member k keeps the k best of those that `live` keeps in the scored parameters, besides the best
 * ones of each, and everything in the others. Of equal scores, the parameter that comes first in `scores` wins, then the lower index.
 *
 * With several classes, an entry of rank r among the n live ones of its class stands at (r + ½)/n: for every k each class then keeps the
 * same share to within one entry (Webster's apportionment), and the choices are nested.
 */
export function weightFamily(
  live: HostMasks,
  scores: ReadonlyMap<string, ArrayLike<number>>,
  { classOf, minKept }: WeightScope,
): Family {
  const names = [...scores.keys()];
  const all = new Float64Array(names.reduce((n, name) => n + countOnes(live[name]!), 0));
  const ranges = new Map<string, readonly [start: number, end: number]>();
  let filled = 0;
  for (const name of names) {
    const mask = live[name]!;
    const given = scores.get(name)!;
    const start = filled;
    for (let i = 0; i < mask.length; i++) if (mask[i] !== 0) all[filled++] = given[i]!;
    ranges.set(name, [start, filled]);
  }
  rankWithinClasses(all, ranges, classOf);

  // What must stay is no matter of choice.
  const spared = new Uint8Array(all.length);
  for (const [name, [start, end]] of ranges) {
    for (const i of best(all.subarray(start, end), minKept(name))) spared[start + i] = 1;
  }
  const values = all.filter((_, i) => spared[i] === 0);
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
          const value = all[i]!;
          if (spared[i++] !== 0 || value > threshold) continue;
          if (value === threshold && equalsLeft > 0) equalsLeft--;
          else mask[index] = 0;
        }
      }
      return masks;
    },
  };
}

/** Replaces scores by their places in their class, unless there is only one class. */
function rankWithinClasses(
  values: Float64Array,
  ranges: ReadonlyMap<string, readonly [start: number, end: number]>,
  classOf: (name: string) => string,
): void {
  const classes = new Map<string, number[]>();
  for (const [name, [start, end]] of ranges) {
    const members = classes.get(classOf(name)) ?? [];
    classes.set(classOf(name), members);
    for (let i = start; i < end; i++) members.push(i);
  }
  if (classes.size < 2) return;
  for (const members of classes.values()) {
    byScore(members.map((i) => values[i]!)).forEach((at, rank) => {
      values[members[at]!] = -(rank + 0.5) / members.length;
    });
  }
}

/** Indices of the `count` highest scores; of equal ones, the lower index. */
function best(scores: Float64Array, count: number): ArrayLike<number> & Iterable<number> {
  if (count === 0 || scores.length === 0) return [];
  if (count > 1) return byScore(scores).subarray(0, count);
  let at = 0;
  for (let i = 1; i < scores.length; i++) if (scores[i]! > scores[at]!) at = i;
  return [at];
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
