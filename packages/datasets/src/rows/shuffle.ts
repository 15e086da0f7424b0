import { uniform, type Key } from '@sparseflow/tensor';

/** Enough that two outputs do not betray their inputs' neighbourhood; four would do for a pseudorandom permutation of ideal rounds. */
const ROUNDS = 8;

/** Below this the halves are too short for their rounds to differ much. */
const LEAST_HALF_BITS = 4;

/**
 * A random permutation of 0 … count - 1 that takes no memory: position ↦ element. A balanced Feistel network permutes the next power of four;
 * what falls outside is encrypted again until it is inside (cycle walking; Black and Rogaway 2002), at most four times on average but for
 * tiny counts.
 */
export function shuffle(key: Key, count: number): (position: number) => number {
  let half = LEAST_HALF_BITS;
  while (2 ** (2 * half) < count) half++;
  const mask = 2 ** half - 1;
  const roundKeys = Uint32Array.from(uniform(key, ROUNDS), (u) => u * 2 ** 32);
  return (position) => {
    let x = position;
    do {
      let left = x >>> half;
      let right = x & mask;
      for (let round = 0; round < ROUNDS; round++) {
        const mixed = left ^ (mix(right + roundKeys[round]!) & mask);
        left = right;
        right = mixed;
      }
      x = left * 2 ** half + right;
    } while (x >= count);
    return x;
  };
}

/** The finaliser of MurmurHash3: every bit of the input flips each bit of the output with a chance of about one half. */
function mix(word: number): number {
  let h = word | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
