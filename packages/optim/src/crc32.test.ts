import { expect, test } from 'vitest';
import { crc32 } from './crc32.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

test('known answers', () => {
  // The check value that names the algorithm CRC-32/ISO-HDLC in the catalogue of parametrised CRCs, and two more.
  expect(crc32(bytes('123456789'))).toBe(0xcbf43926);
  expect(crc32(bytes(''))).toBe(0);
  expect(crc32(new Uint8Array(32))).toBe(0x190a55ad);
});

test('goes on from the checksum of what precedes', () => {
  expect(crc32(bytes('6789'), crc32(bytes('12345')))).toBe(0xcbf43926);
});

test('equals division bit by bit, for every number of bytes that eight at a time leave over', () => {
  const divided = (from: Uint8Array): number => {
    let crc = 0xffffffff;
    for (const byte of from) {
      crc ^= byte;
      for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
    }
    return ~crc >>> 0;
  };
  const all = Uint8Array.from({ length: 64 }, (_, i) => (i * 151 + 200) & 255);
  for (let begin = 0; begin < 8; begin++) {
    for (let end = begin; end <= all.length; end++) {
      expect(crc32(all.subarray(begin, end))).toBe(divided(all.subarray(begin, end)));
    }
  }
});
