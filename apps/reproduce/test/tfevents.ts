/** An event as TensorBoard would read it. */
export interface TfEvent {
  readonly wallTime: number;
  readonly step: number;
  readonly version: string | undefined;
  readonly scalars: Record<string, number>;
}

/**
 * Reads TensorBoard event files byte by byte, from the descriptions of TFRecord and protobuf alone: it shares no code with what
 * writes them, so that the two check each other.
 *
 * @throws Error where a checksum is wrong or the file ends within a record.
 */
export function decodeTfEvents(file: Buffer): TfEvent[] {
  const events: TfEvent[] = [];
  for (let at = 0; at < file.length;) {
    const length = Number(file.readBigUInt64LE(at));
    if (unmask(file.readUInt32LE(at + 8)) !== castagnoli(file.subarray(at, at + 8))) throw new Error(`length at ${at}`);
    const data = file.subarray(at + 12, at + 12 + length);
    if (unmask(file.readUInt32LE(at + 12 + length)) !== castagnoli(data)) throw new Error(`data at ${at}`);
    events.push(readEvent(data));
    at += length + 16;
  }
  return events;
}

function unmask(masked: number): number {
  const rotated = (masked - 0xa282ead8) >>> 0;
  return ((rotated << 15) | (rotated >>> 17)) >>> 0;
}

/** CRC-32C bit by bit: the polynomial 0x1EDC6F41, reflected. */
function castagnoli(bytes: Buffer): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

type Field = { readonly number: number; readonly value: Buffer | bigint };

function* fields(message: Buffer): Generator<Field> {
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = message[at++]!;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < message.length) {
    const key = Number(varint());
    const number = key >> 3;
    const wire = key & 7;
    if (wire === 0) {
      yield { number, value: varint() };
      continue;
    }
    const size = wire === 1 ? 8 : wire === 5 ? 4 : Number(varint());
    yield { number, value: message.subarray(at, (at += size)) };
  }
}

function readEvent(data: Buffer): TfEvent {
  const event = {
    wallTime: NaN,
    step: 0,
    version: undefined as string | undefined,
    scalars: {} as Record<string, number>,
  };
  for (const { number, value } of fields(data)) {
    if (number === 1) event.wallTime = (value as Buffer).readDoubleLE();
    if (number === 2) event.step = Number(value);
    if (number === 3) event.version = (value as Buffer).toString();
    if (number !== 5) continue;
    for (const { value: entry } of fields(value as Buffer)) {
      const parts = new Map([...fields(entry as Buffer)].map((field) => [field.number, field.value as Buffer]));
      event.scalars[parts.get(1)!.toString()] = parts.get(2)!.readFloatLE();
    }
  }
  return event;
}
