import { expect, test } from 'vitest';
import { philox } from './philox.ts';

// Random123 1.14, tests/kat_vectors: philox4x32 10: counter, key, answer.
const knownAnswers = [
  '00000000 00000000 00000000 00000000 00000000 00000000 6627e8d5 e169c58d bc57ac4c 9b00dbd8',
  'ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff 408f276d 41c83b0e a20bc7c6 6d5451fd',
  '243f6a88 85a308d3 13198a2e 03707344 a4093822 299f31d0 d16cfe09 94fdcceb 5001e420 24126ea1',
];

test.each(knownAnswers)('known answer %s', (line) => {
  const [c0, c1, c2, c3, k0, k1, ...answer] = line.split(' ').map((word) => Number.parseInt(word, 16));
  const out = new Uint32Array(4);
  philox(k0!, k1!, c0!, c1!, c2!, c3!, out);
  expect([...out]).toEqual(answer);
});

/** The same cipher in arbitrary precision, straight from the definition. */
function philoxBigInt(key: readonly number[], counter: readonly number[]): number[] {
  const mask = 0xffffffffn;
  let [x0, x1, x2, x3] = counter.map(BigInt) as [bigint, bigint, bigint, bigint];
  let [k0, k1] = key.map(BigInt) as [bigint, bigint];
  for (let round = 0; round < 10; round++) {
    const p0 = x0 * 0xd2511f53n;
    const p1 = x2 * 0xcd9e8d57n;
    [x0, x1, x2, x3] = [(p1 >> 32n) ^ x1 ^ k0, p1 & mask, (p0 >> 32n) ^ x3 ^ k1, p0 & mask];
    k0 = (k0 + 0x9e3779b9n) & mask;
    k1 = (k1 + 0xbb67ae85n) & mask;
  }
  return [x0, x1, x2, x3].map(Number);
}

test('2000 consecutive blocks equal the definition in arbitrary precision, across the wrap of the counter', () => {
  const out = new Uint32Array(8000);
  const first = 2 ** 32 - 1000;
  philox(0xdeadbeef, 0x80000001, first, 7, 0xffff0000, 0x0000ffff, out);
  for (let b = 0; b < 2000; b++) {
    const counter = [(first + b) % 2 ** 32, 7, 0xffff0000, 0x0000ffff];
    expect([...out.subarray(4 * b, 4 * b + 4)]).toEqual(philoxBigInt([0xdeadbeef, 0x80000001], counter));
  }
});

test('a last block that does not fit is cut', () => {
  const long = new Uint32Array(8);
  const short = new Uint32Array(6);
  philox(1, 2, 3, 4, 5, 6, long);
  philox(1, 2, 3, 4, 5, 6, short);
  expect([...short]).toEqual([...long.subarray(0, 6)]);
});

test('each bit of key and counter flips half of the output bits', () => {
  // The number of flips is binomial(128, ½): variance 32. Its mean over 64 points has sd √(32 / 64) = 0.71; five of them for 192 tests.
  const words = new Uint32Array(64 * 6);
  philox(11, 12, 13, 14, 15, 16, words);
  const a = new Uint32Array(4);
  const b = new Uint32Array(4);
  for (let bit = 0; bit < 192; bit++) {
    let flips = 0;
    for (let point = 0; point < 64; point++) {
      const input = words.slice(6 * point, 6 * point + 6);
      philox(input[0]!, input[1]!, input[2]!, input[3]!, input[4]!, input[5]!, a);
      input[bit >> 5]! ^= 1 << (bit & 31);
      philox(input[0]!, input[1]!, input[2]!, input[3]!, input[4]!, input[5]!, b);
      for (let i = 0; i < 4; i++) for (let d = (a[i]! ^ b[i]!) >>> 0; d > 0; d = Math.floor(d / 2)) flips += d & 1;
    }
    expect(Math.abs(flips / 64 - 64)).toBeLessThan(5 * 0.71);
  }
});
