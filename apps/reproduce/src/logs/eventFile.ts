import crc32c from 'crc-32/crc32c.js';
import { PbfReader, PbfWriter } from 'pbf';

/** One moment of a TensorBoard run: scalars by tag, or the version line that a file begins with. */
export interface ScalarEvent {
  /** Unix time in seconds. */
  readonly wallTime: number;
  readonly step: number;
  readonly scalars: Readonly<Record<string, number>>;
  readonly fileVersion?: string;
}

/** What the first record of a file says; TensorBoard looks for it. */
export const fileVersion = 'brain.Event:2';

/**
 * One record of a TensorBoard event file: a TFRecord frame (length, masked CRC-32C of the length, data, masked CRC-32C of the data) around
 * an `Event` protobuf message.
 */
export function encodeEvent(event: ScalarEvent): Uint8Array {
  const writer = new PbfWriter();
  writeEvent(event, writer);
  const data = writer.finish();
  const record = new Uint8Array(data.length + 16);
  const view = new DataView(record.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(8, maskedCrc(record.subarray(0, 8)), true);
  record.set(data, 12);
  view.setUint32(12 + data.length, maskedCrc(data), true);
  return record;
}

/**
 * The records of an event file with the position after each, up to the first that is cut off or damaged: a process that was killed may
 * have left half a record at the end.
 */
export function* decodeEvents(bytes: Uint8Array): Generator<{ readonly event: ScalarEvent; readonly end: number }> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let start = 0; start + 16 <= bytes.length;) {
    if (view.getUint32(start + 8, true) !== maskedCrc(bytes.subarray(start, start + 8))) return;
    const length = Number(view.getBigUint64(start, true));
    const end = start + 16 + length;
    if (end > bytes.length) return;
    const data = bytes.subarray(start + 12, end - 4);
    if (view.getUint32(end - 4, true) !== maskedCrc(data)) return;
    yield { event: readEvent(data), end };
    start = end;
  }
}

/** The checksum as TFRecord stores it: rotated and shifted, so that a checksum of data that holds checksums is still a good one. */
function maskedCrc(bytes: Uint8Array): number {
  const crc = crc32c.buf(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

// Field numbers of tensorflow.Event, tensorflow.Summary and tensorflow.Summary.Value.
const eventField = { wallTime: 1, step: 2, fileVersion: 3, summary: 5 } as const;
const summaryField = { value: 1 } as const;
const valueField = { tag: 1, simpleValue: 2 } as const;

function writeEvent({ wallTime, step, scalars, fileVersion: version }: ScalarEvent, writer: PbfWriter): void {
  writer.writeDoubleField(eventField.wallTime, wallTime);
  writer.writeVarintField(eventField.step, step);
  if (version !== undefined) writer.writeStringField(eventField.fileVersion, version);
  const entries = Object.entries(scalars);
  if (entries.length === 0) return;
  writer.writeMessage(
    eventField.summary,
    (values, summary) => {
      for (const value of values) summary.writeMessage(summaryField.value, writeValue, value);
    },
    entries,
  );
}

function writeValue([tag, value]: readonly [string, number], writer: PbfWriter): void {
  writer.writeStringField(valueField.tag, tag);
  writer.writeFloatField(valueField.simpleValue, value);
}

function readEvent(data: Uint8Array): ScalarEvent {
  const event = {
    wallTime: 0,
    step: 0,
    scalars: {} as Record<string, number>,
    fileVersion: undefined as string | undefined,
  };
  new PbfReader(data).readFields((field, result, reader) => {
    if (field === eventField.wallTime) result.wallTime = reader.readDouble();
    else if (field === eventField.step) result.step = reader.readVarint(true);
    else if (field === eventField.fileVersion) result.fileVersion = reader.readString();
    else if (field === eventField.summary) reader.readMessage(readSummary, result.scalars);
  }, event);
  const { fileVersion: version, ...rest } = event;
  return version === undefined ? rest : { ...rest, fileVersion: version };
}

function readSummary(field: number, scalars: Record<string, number>, reader: PbfReader): void {
  if (field !== summaryField.value) return;
  const entry = reader.readMessage(
    (inner, value, from) => {
      if (inner === valueField.tag) value.tag = from.readString();
      else if (inner === valueField.simpleValue) value.simpleValue = from.readFloat();
    },
    { tag: '', simpleValue: NaN },
  );
  scalars[entry.tag] = entry.simpleValue;
}
