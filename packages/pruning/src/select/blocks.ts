import { copyMasks } from '../masks.ts';
import type { HostMasks } from '../masks.ts';
import type { Family } from './family.ts';
import type { WeightScope } from './weights.ts';
import { weightFamily } from './weights.ts';

/** Rows and columns of a block. */
export type Block = readonly [rows: number, columns: number];

/**
 * Choices among whole blocks. A parameter is a matrix whose columns are its last axis; blocks at its ends may be smaller. A block's score
 * is the sum over its live entries.
 */
export function blockFamily(
  live: HostMasks,
  scores: ReadonlyMap<string, ArrayLike<number>>,
  columnsOf: (name: string) => number,
  [rows, columns]: Block,
  scope: WeightScope,
): Family {
  const blockLive: Record<string, Uint8Array> = {};
  const blockScores = new Map<string, Float64Array>();
  const blockOf = new Map<string, Uint32Array>();
  for (const [name, own] of scores) {
    const width = columnsOf(name);
    const across = Math.ceil(width / columns);
    const count = across * Math.ceil(own.length / width / rows);
    const at = Uint32Array.from(own, (_, i) => {
      const row = Math.floor(i / width);
      return Math.floor(row / rows) * across + Math.floor((i - row * width) / columns);
    });
    const sums = new Float64Array(count);
    const some = new Uint8Array(count);
    at.forEach((block, i) => {
      if (live[name]![i] === 0) return;
      some[block] = 1;
      sums[block]! += own[i]!;
    });
    blockLive[name] = some;
    blockScores.set(name, sums);
    blockOf.set(name, at);
  }
  const family = weightFamily(blockLive, blockScores, scope);
  return {
    length: family.length,
    at(k) {
      const kept = family.at(k);
      const masks = copyMasks(live);
      for (const [name, at] of blockOf) {
        at.forEach((block, i) => {
          if (kept[name]![block] === 0) masks[name]![i] = 0;
        });
      }
      return masks;
    },
  };
}
