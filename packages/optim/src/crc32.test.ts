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
