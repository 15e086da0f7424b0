import type { DType, FloatDType } from '../dtype.ts';
import { allocate } from '../dtype.ts';
import { ValueError } from '../errors.ts';
import type { Key } from './key.ts';
import { Domain, checkedWords, fillWords } from './key.ts';
import { cosSinTurns, logFraction } from './math.ts';

/** The typed array of each element type. */
export interface ArrayOf {
  readonly float32: Float32Array;
  readonly float64: Float64Array;
  readonly int32: Int32Array;
}

/** Element type of the result. Numbers are drawn in float64 and then rounded, so all element types get the same ones. */
export interface SampleOptions<D extends DType> {
  readonly dtype?: D | undefined;
}

/** Words drawn at a time: 16 kB, which stays in the first cache. */
const CHUNK_WORDS = 4096;

/** The largest number below 1 in float32; rounding to nearest would turn the last few uniforms into 1. */
const BELOW_ONE_FLOAT32 = 1 - 2 ** -24;

/**
 * Uniform numbers in [0, 1): multiples of 2⁻⁵³. Element i depends on the key and i alone, so a longer draw begins with the shorter one.
 *
 * @throws {ValueError} when the size is not a count, or the key is not a key.
 * @example
 * ```ts
 * import { key, uniform } from '@sparseflow/tensor';
 *
 * const u = uniform(key(1), 1000);
 * console.log(u.every((x) => x >= 0 && x < 1)); // true
 * ```
 */
export function uniform<D extends FloatDType = 'float64'>(
  key: Key,
  size: number,
  options: SampleOptions<D> = {},
): ArrayOf[D] {
  const out = allocateFor<D>('uniform', size, options.dtype ?? 'float64');
  const max = out instanceof Float32Array ? BELOW_ONE_FLOAT32 : 1;
  forEachChunk('uniform', key, Domain.uniform, size * 2, (words, count, start) => {
    for (let j = 0; j < count; j += 2) out[(start + j) / 2] = Math.min(unit(words[j]!, words[j + 1]!), max);
  });
  return out;
}

/**
 * Standard normal numbers, by Box and Muller from 53-bit uniforms (so |x| < 8.58). Element i depends on the key and i alone, so a longer
 * draw begins with the shorter one. Bit-equal on every platform: only IEEE 754 operations are used, no library functions.
 *
 * @throws {ValueError} when the size is not a count, or the key is not a key.
 * @example
 * ```ts
 * import { key, normal } from '@sparseflow/tensor';
 *
 * const x = normal(key(1), 10_000, { dtype: 'float32' });
 * const mean = x.reduce((sum, v) => sum + v, 0) / x.length;
 * console.log(Math.abs(mean) < 0.05); // true: five standard errors
 * ```
 */
export function normal<D extends FloatDType = 'float64'>(
  key: Key,
  size: number,
  options: SampleOptions<D> = {},
): ArrayOf[D] {
  const out = allocateFor<D>('normal', size, options.dtype ?? 'float64');
  const direction = new Float64Array(2);
  forEachChunk('normal', key, Domain.normal, size * 2, (words, count, start) => {
    for (let j = 0; j < count; j += 4) {
      // 1 - u is in (0, 1], where the logarithm is finite.
      const radius = Math.sqrt(-2 * logFraction(2 ** 53 - bits53(words[j]!, words[j + 1]!)));
      cosSinTurns(unit(words[j + 2]!, words[j + 3]!), direction);
      const i = (start + j) / 2;
      out[i] = radius * direction[0]!;
      if (i + 1 < size) out[i + 1] = radius * direction[1]!;
    }
  });
  return out;
}

/**
 * Signs +1 and -1 with equal probability, one bit each. Element i depends on the key and i alone.
 *
 * @throws {ValueError} when the size is not a count, or the key is not a key.
 * @example
 * ```ts
 * import { key, rademacher } from '@sparseflow/tensor';
 *
 * console.log(rademacher(key(1), 100).every((x) => x === 1 || x === -1)); // true
 * ```
 */
export function rademacher<D extends DType = 'float64'>(
  key: Key,
  size: number,
  options: SampleOptions<D> = {},
): ArrayOf[D] {
  const out = allocateFor<D>('rademacher', size, options.dtype ?? 'float64');
  forEachChunk('rademacher', key, Domain.rademacher, Math.ceil(size / 32), (words, count, start) => {
    const end = Math.min(size, (start + count) * 32);
    for (let i = start * 32; i < end; i++) out[i] = ((words[(i >>> 5) - start]! >>> (i & 31)) & 1) * 2 - 1;
  });
  return out;
}

/**
 * Integers from 0 to `high` - 1, all exactly equally likely (by rejection). Element i depends on the key, `high` and i alone.
 *
 * @param high - At least 1, at most 2³¹.
 * @throws {ValueError} when the size is not a count, `high` is out of range, or the key is not a key.
 * @example
 * ```ts
 * import { key, randint } from '@sparseflow/tensor';
 *
 * const dice = randint(key(1), 100, 6);
 * console.log(dice.every((x) => x >= 0 && x < 6)); // true
 * ```
 */
export function randint<D extends DType = 'int32'>(
  key: Key,
  size: number,
  high: number,
  options: SampleOptions<D> = {},
): ArrayOf[D] {
  if (!Number.isInteger(high) || high < 1 || high > 2 ** 31) {
    throw new ValueError(
      'randint',
      `high ${high} is not an integer from 1 to 2^31`,
      'pass the number of different values wanted',
    );
  }
  const out = allocateFor<D>('randint', size, options.dtype ?? 'int32');
  const retry = retryWord('randint', key, Domain.randintRetry);
  forEachChunk('randint', key, Domain.randint, size, (words, count, start) => {
    for (let j = 0; j < count; j++) out[start + j] = bounded(words[j]!, high, start + j, retry);
  });
  return out;
}

/**
 * The integers 0 … `n` - 1 in random order, all orders equally likely (Fisher and Yates, with unbiased bounded integers).
 *
 * @param n - How many, at most 2³¹.
 * @throws {ValueError} when n is not a count, or the key is not a key.
 * @example
 * ```ts
 * import { key, permutation } from '@sparseflow/tensor';
 *
 * const order = permutation(key(1), 5);
 * console.log([...order].sort().join('')); // 01234
 * ```
 */
export function permutation<D extends DType = 'int32'>(
  key: Key,
  n: number,
  options: SampleOptions<D> = {},
): ArrayOf[D] {
  if (n > 2 ** 31) throw new ValueError('permutation', `n ${n} is above 2^31`, 'permute fewer elements');
  const out = allocateFor<D>('permutation', n, options.dtype ?? 'int32');
  const retry = retryWord('permutation', key, Domain.permutationRetry);
  // Inside out: position i takes the element at a random position j ≤ i, and j takes i.
  forEachChunk('permutation', key, Domain.permutation, n, (words, count, start) => {
    for (let k = 0; k < count; k++) {
      const i = start + k;
      const j = bounded(words[k]!, i + 1, i, retry);
      out[i] = out[j]!;
      out[j] = i;
    }
  });
  return out;
}

/** The upper 53 bits of two words. */
function bits53(high: number, low: number): number {
  return (high >>> 5) * 2 ** 26 + (low >>> 6);
}

function unit(high: number, low: number): number {
  return bits53(high, low) * 2 ** -53;
}

/** Reduces a word below `high`; words in the incomplete last interval of length `high` are drawn again, which removes the bias. */
function bounded(
  word: number,
  high: number,
  element: number,
  retry: (element: number, attempt: number) => number,
): number {
  const limit = 2 ** 32 - (2 ** 32 % high);
  for (let attempt = 0; word >= limit; attempt++) word = retry(element, attempt);
  return word % high;
}

/** Words for elements whose first one was rejected, from counters of their own: no element moves another. */
function retryWord(where: string, key: Key, domain: number): (element: number, attempt: number) => number {
  const keyWords = checkedWords(where, key);
  const block = new Uint32Array(4);
  return (element, attempt) => {
    fillWords(keyWords, domain, element, block, attempt >>> 2);
    return block[attempt & 3]!;
  };
}

/** Walks `total` words of the key's stream in chunks: `visit(words, count, start)` sees words start … start + count - 1. */
function forEachChunk(
  where: string,
  key: Key,
  domain: number,
  total: number,
  visit: (words: Uint32Array, count: number, start: number) => void,
): void {
  const keyWords = checkedWords(where, key);
  // Whole blocks, so that a sampler that reads a block at a time never runs short.
  const chunk = new Uint32Array(Math.min(CHUNK_WORDS, Math.ceil(total / 4) * 4));
  for (let start = 0; start < total; start += CHUNK_WORDS) {
    fillWords(keyWords, domain, start / 4, chunk);
    visit(chunk, Math.min(CHUNK_WORDS, total - start), start);
  }
}

function allocateFor<D extends DType>(where: string, size: number, dtype: DType): ArrayOf[D] {
  if (!Number.isSafeInteger(size) || size < 0 || size > 2 ** 32) {
    throw new ValueError(where, `size ${size} is not a count`, 'pass an integer from 0 to 2^32');
  }
  return allocate(dtype, size) as ArrayOf[D];
}
