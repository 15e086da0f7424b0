/** Row k: the remainder that a byte leaves when k zero bytes follow it. */
const tables = /* @__PURE__ */ (() => {
  const rows = Array.from({ length: 8 }, () => new Uint32Array(256));
  for (let byte = 0; byte < 256; byte++) {
    let remainder = byte;
    for (let bit = 0; bit < 8; bit++) remainder = (remainder >>> 1) ^ (remainder & 1 ? 0xedb88320 : 0);
    rows[0]![byte] = remainder;
  }
  for (let k = 1; k < 8; k++) rows[k]!.set(rows[k - 1]!.map((x) => (x >>> 8) ^ rows[0]![x & 255]!));
  return rows as [
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
  ];
})();

/**
 * CRC-32 (ISO-HDLC: reflected polynomial EDB88320, the one of zip and PNG). It detects every burst of up to 32 bits, and all but one in
 * 2³² of other changes. Goes on from the checksum of preceding bytes. Eight bytes at a time, whose remainders do not wait for one
 * another (Kounavis & Berry 2008, "slicing-by-8"): training states are saved after every step. @internal
 */
export function crc32(bytes: Uint8Array, preceding = 0): number {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = tables;
  let crc = ~preceding;
  let i = 0;
  for (const end = bytes.length - 7; i < end; i += 8) {
    crc =
      t7[(crc ^ bytes[i]!) & 255]! ^
      t6[((crc >>> 8) ^ bytes[i + 1]!) & 255]! ^
      t5[((crc >>> 16) ^ bytes[i + 2]!) & 255]! ^
      t4[(crc >>> 24) ^ bytes[i + 3]!]! ^
      t3[bytes[i + 4]!]! ^
      t2[bytes[i + 5]!]! ^
      t1[bytes[i + 6]!]! ^
      t0[bytes[i + 7]!]!;
  }
  for (; i < bytes.length; i++) crc = (crc >>> 8) ^ t0[(crc ^ bytes[i]!) & 255]!;
  return ~crc >>> 0;
}
