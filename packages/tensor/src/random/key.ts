import { ValueError } from '../errors.ts';
import { philox } from './philox.ts';

/**
 * The name of one stream of random numbers: four unsigned 32-bit words. It is a plain immutable value: it can be stored as JSON, sent to a
 * worker, compared by its words. Nothing is consumed by drawing from it: the same key gives the same numbers, always and on every backend.
 * So use a key once, and make new ones with {@link splitKey} or {@link fold}.
 *
 * The first two words are the Philox key; the last two are the upper half of every counter used with it. Streams of different keys are
 * thus blocks of different permutations, or disjoint blocks of one.
 */
export interface Key {
  readonly words: readonly [number, number, number, number];
}

/**
 * What a counter is used for, in the top byte of its second word: derivation and each sampler read disjoint counters, so that a key, its
 * children, and two samplers on one key never share a block.
 */
export const Domain = {
  seed: 1,
  split: 2,
  fold: 3,
  uniform: 4,
  normal: 5,
  rademacher: 6,
  randint: 7,
  permutation: 8,
  randintRetry: 9,
  permutationRetry: 10,
} as const;

/**
 * Makes a key from a seed.
 *
 * @param seed - A non-negative safe integer, or a bigint below 2⁶⁴. `key(7)` equals `key(7n)`.
 * @throws {ValueError} for any other seed.
 * @example
 * ```ts
 * import { key, normal } from '@sparseflow/tensor';
 *
 * const a = normal(key(0), 3);
 * const b = normal(key(0), 3);
 * console.log(a.every((x, i) => x === b[i])); // true
 * ```
 */
export function key(seed: number | bigint): Key {
  if (typeof seed === 'number' && !Number.isSafeInteger(seed)) {
    throw new ValueError(
      'key',
      `seed ${seed} is not a safe integer`,
      'pass an integer from 0 to 2^53 - 1, or a bigint',
    );
  }
  const value = BigInt(seed);
  if (value < 0n || value >= 1n << 64n) {
    throw new ValueError('key', `seed ${seed} is outside 0 … 2^64 - 1`, 'pass a non-negative seed below 2^64');
  }
  return block(Number(value & 0xffffffffn), Number(value >> 32n), 0, Domain.seed << 24, 0, 0);
}

/**
 * Derives `n` child keys. Child i is Philox of the parent at counter i: a bijection, so the children of one parent are distinct, and
 * independent of each other, of the parent's own numbers and of its {@link fold}s. Child i does not depend on `n`.
 *
 * @param n - How many, at least 1.
 * @throws {ValueError} when n is not an integer from 1 to 2³².
 * @example
 * ```ts
 * import { key, normal, splitKey } from '@sparseflow/tensor';
 *
 * const [forWeights, forData] = splitKey(key(0));
 * console.log(normal(forWeights!, 1)[0] !== normal(forData!, 1)[0]); // true
 * ```
 */
export function splitKey(key: Key, n = 2): Key[] {
  if (!Number.isSafeInteger(n) || n < 1 || n > 2 ** 32) {
    throw new ValueError('splitKey', `cannot derive ${n} keys`, 'ask for an integer number of keys, at least 1');
  }
  return Array.from({ length: n }, (_, i) => derive('splitKey', key, Domain.split, i));
}

/**
 * Derives the child key named by a number: a step, an epoch, a layer index. Different numbers give different keys, independent of the
 * parent's own numbers and of its {@link splitKey} children.
 *
 * @param data - A non-negative safe integer.
 * @throws {ValueError} for any other data.
 * @example
 * ```ts
 * import { fold, key, uniform } from '@sparseflow/tensor';
 *
 * const run = key(0);
 * const step7 = uniform(fold(run, 7), 2); // the same whether steps 0 to 6 were run or not
 * console.log(step7.length); // 2
 * ```
 */
export function fold(key: Key, data: number): Key {
  if (!Number.isSafeInteger(data) || data < 0) {
    throw new ValueError(
      'fold',
      `data ${data} is not a non-negative safe integer`,
      'fold in an integer from 0 to 2^53 - 1',
    );
  }
  return derive('fold', key, Domain.fold, data);
}

function derive(where: string, parent: Key, domain: number, data: number): Key {
  const [k0, k1, s0, s1] = checkedWords(where, parent);
  // data has at most 53 bits: 32 in the first word, 21 below the domain's byte in the second.
  return block(k0, k1, data >>> 0, (domain << 24) | Math.floor(data / 2 ** 32), s0, s1);
}

function block(k0: number, k1: number, c0: number, c1: number, c2: number, c3: number): Key {
  const out = new Uint32Array(4);
  philox(k0, k1, c0, c1, c2, c3, out);
  return { words: [out[0]!, out[1]!, out[2]!, out[3]!] };
}

/** The words of a key, checked, since keys come back from files. */
export function checkedWords(where: string, key: Key): Key['words'] {
  const words = (key as Key | undefined)?.words;
  if (
    !Array.isArray(words) ||
    words.length !== 4 ||
    !words.every((w) => Number.isInteger(w) && w >= 0 && w < 2 ** 32)
  ) {
    throw new ValueError(
      where,
      'the key is not four unsigned 32-bit words',
      'make keys with key(seed), splitKey or fold',
    );
  }
  return words;
}

/** Fills `out` with the words of the key's stream for one use, from block `firstBlock` on. */
export function fillWords(
  words: Key['words'],
  domain: number,
  firstBlock: number,
  out: Uint32Array,
  attempt = 0,
): void {
  philox(words[0], words[1], firstBlock, (domain << 24) | attempt, words[2], words[3], out);
}
