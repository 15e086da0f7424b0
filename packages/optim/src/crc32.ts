const table = /* @__PURE__ */ Uint32Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit++) remainder = (remainder >>> 1) ^ (remainder & 1 ? 0xedb88320 : 0);
  return remainder;
});

/**
 * CRC-32 (ISO-HDLC: reflected polynomial EDB88320, the one of zip and PNG). It detects every burst of up to 32 bits, and all but one in
 * 2³² of other changes. Goes on from the checksum of preceding bytes. @internal
 */
export function crc32(bytes: Uint8Array, preceding = 0): number {
  let crc = ~preceding;
  for (let i = 0; i < bytes.length; i++) crc = (crc >>> 8) ^ table[(crc ^ bytes[i]!) & 255]!;
  return ~crc >>> 0;
}
