/*
 * Philox 4×32-10: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC11, section 3.3.
 * A keyed bijection of 128-bit counters; ten rounds pass BigCrush with a margin of three rounds.
 */

/** Round multipliers, in 16-bit halves: the 64-bit products are assembled from 32-bit ones. */
const M0 = 0xd2511f53;
const M0_LOW = 0x1f53;
const M0_HIGH = 0xd251;
const M1 = 0xcd9e8d57;
const M1_LOW = 0x8d57;
const M1_HIGH = 0xcd9e;
/** Weyl increments of the key schedule: the golden ratio and √3 - 1, times 2³². */
const W0 = 0x9e3779b9;
const W1 = 0xbb67ae85;

/** Philox words: one block is four, and so is a counter. */
export const BLOCK_WORDS = 4;

/**
 * Fills `out` with consecutive Philox 4×32-10 blocks: block b encrypts the counter (`c0` + b mod 2³², `c1`, `c2`, `c3`) under the key
 * (`k0`, `k1`). All words are unsigned 32-bit, least significant first; a last block that does not fit is cut.
 *
 * Everything stays in 32-bit integers, which is what makes it fast: `Math.imul` keeps the low half of a product, and the high half is
 * summed from four 16-bit products, none of which overflows.
 */
export function philox(k0: number, k1: number, c0: number, c1: number, c2: number, c3: number, out: Uint32Array): void {
  const size = out.length;
  for (let i = 0, block = c0 | 0; i < size; i += BLOCK_WORDS, block = (block + 1) | 0) {
    let x0 = block;
    let x1 = c1 | 0;
    let x2 = c2 | 0;
    let x3 = c3 | 0;
    let key0 = k0 | 0;
    let key1 = k1 | 0;
    for (let round = 0; round < 10; round++) {
      const x0Low = x0 & 0xffff;
      const x0High = x0 >>> 16;
      const mid0 = (Math.imul(x0High, M0_LOW) + (Math.imul(x0Low, M0_LOW) >>> 16)) | 0;
      const cross0 = (Math.imul(x0Low, M0_HIGH) + (mid0 & 0xffff)) | 0;
      const high0 = (Math.imul(x0High, M0_HIGH) + (mid0 >>> 16) + (cross0 >>> 16)) | 0;

      const x2Low = x2 & 0xffff;
      const x2High = x2 >>> 16;
      const mid1 = (Math.imul(x2High, M1_LOW) + (Math.imul(x2Low, M1_LOW) >>> 16)) | 0;
      const cross1 = (Math.imul(x2Low, M1_HIGH) + (mid1 & 0xffff)) | 0;
      const high1 = (Math.imul(x2High, M1_HIGH) + (mid1 >>> 16) + (cross1 >>> 16)) | 0;

      const low0 = Math.imul(x0, M0);
      const low1 = Math.imul(x2, M1);
      x0 = high1 ^ x1 ^ key0;
      x1 = low1;
      x2 = high0 ^ x3 ^ key1;
      x3 = low0;
      key0 = (key0 + W0) | 0;
      key1 = (key1 + W1) | 0;
    }
    // Writes past the end of a typed array are ignored.
    out[i] = x0;
    out[i + 1] = x1;
    out[i + 2] = x2;
    out[i + 3] = x3;
  }
}
