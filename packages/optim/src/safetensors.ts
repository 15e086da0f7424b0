import { SafetensorsError } from './errors.ts';

/** Bytes of one element. */
const ELEMENT_BYTES = {
  F64: 8,
  I64: 8,
  U64: 8,
  F32: 4,
  I32: 4,
  U32: 4,
  F16: 2,
  BF16: 2,
  I16: 2,
  U16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
} as const;

export type SafetensorsDType = keyof typeof ELEMENT_BYTES;

/** One tensor of a safetensors file: row-major, little-endian. */
export interface RawTensor {
  readonly dtype: SafetensorsDType;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

export interface SafetensorsFile {
  readonly tensors: Readonly<Record<string, RawTensor>>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** The limit of the format's own implementation. */
const MAX_HEADER_BYTES = 100_000_000;

/**
 * Writes the safetensors format: the header's length (u64, little-endian), a JSON header padded with spaces, then the tensors without
 * gaps. Tensors are sorted by element size and name, so that each is aligned to its elements, and equal input gives equal bytes.
 *
 * @throws {SafetensorsError} when a shape and its bytes do not agree, or a tensor is named `__metadata__`
 *
 * @example
 * ```ts
 * import { readSafetensors, writeSafetensors } from '@sparseflow/optim';
 *
 * const bytes = new Uint8Array(new Float32Array([1, 2, 3]).buffer);
 * const file = writeSafetensors({ tensors: { w: { dtype: 'F32', shape: [3], bytes } }, metadata: { author: 'me' } });
 * console.log(readSafetensors(file).tensors.w!.shape); // [3]
 * ```
 */
export function writeSafetensors(file: {
  readonly tensors: Readonly<Record<string, RawTensor>>;
  readonly metadata?: Readonly<Record<string, string>>;
}): Uint8Array {
  const entries = Object.entries(file.tensors).sort(
    ([nameA, a], [nameB, b]) => ELEMENT_BYTES[b.dtype] - ELEMENT_BYTES[a.dtype] || (nameA < nameB ? -1 : 1),
  );
  const header: [string, unknown][] = file.metadata ? [['__metadata__', file.metadata]] : [];
  let end = 0;
  for (const [name, { dtype, shape, bytes }] of entries) {
    if (name === '__metadata__') {
      throw new SafetensorsError(`a tensor cannot be named '${name}'`, 'rename the tensor');
    }
    if (byteLength(dtype, shape) !== bytes.length) {
      throw new SafetensorsError(
        `'${name}' has ${bytes.length} bytes, ${dtype} of shape [${shape}] needs ${byteLength(dtype, shape)}`,
        'give bytes and shape of the same tensor',
      );
    }
    header.push([name, { dtype, shape, data_offsets: [end, (end += bytes.length)] }]);
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)));
  const start = 8 + Math.ceil(json.length / 8) * 8;
  const out = new Uint8Array(start + end);
  new DataView(out.buffer).setBigUint64(0, BigInt(start - 8), true);
  out.set(json, 8);
  out.fill(0x20, 8 + json.length, start);
  let at = start;
  for (const [, { bytes }] of entries) {
    out.set(bytes, at);
    at += bytes.length;
  }
  return out;
}

/**
 * Reads the safetensors format. The tensors are views into `bytes`.
 *
 * @throws {SafetensorsError} when the header is not valid, or the tensors do not cover the data exactly, without overlap or gap
 */
export function readSafetensors(bytes: Uint8Array): SafetensorsFile {
  if (bytes.length < 8) throw new SafetensorsError(`${bytes.length} bytes are too few for a header`);
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  if (length > MAX_HEADER_BYTES || length > bytes.length - 8) {
    throw new SafetensorsError(`the header is said to have ${length} bytes, ${bytes.length - 8} follow`);
  }
  const { __metadata__: metadata = {}, ...infos } = parseHeader(bytes.subarray(8, 8 + length));
  if (!isRecord(metadata) || Object.values(metadata).some((value) => typeof value !== 'string')) {
    throw new SafetensorsError('__metadata__ does not map names to strings');
  }
  // Not `subarray`: of a Node Buffer it is a Buffer, whose `slice` does not copy.
  const data = new Uint8Array(bytes.buffer, bytes.byteOffset + 8 + length, bytes.length - 8 - length);
  const tensors = Object.entries(infos).map(([name, info]) => ({ name, ...checkInfo(name, info) }));
  let covered = 0;
  for (const { name, begin, end } of [...tensors].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== covered) {
      throw new SafetensorsError(`'${name}' starts at byte ${begin} of the data, where ${covered} is expected`);
    }
    covered = end;
  }
  if (covered !== data.length) {
    throw new SafetensorsError(`the tensors take ${covered} bytes, the file has ${data.length}`);
  }
  return {
    tensors: Object.fromEntries(
      tensors.map(({ name, dtype, shape, begin, end }) => [name, { dtype, shape, bytes: data.subarray(begin, end) }]),
    ),
    metadata: metadata as Record<string, string>,
  };
}

function parseHeader(bytes: Uint8Array): Record<string, unknown> {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    throw new SafetensorsError('the header is not JSON in UTF-8');
  }
  if (!isRecord(header)) throw new SafetensorsError('the header is not a JSON object');
  return header;
}

function checkInfo(
  name: string,
  info: unknown,
): { dtype: SafetensorsDType; shape: number[]; begin: number; end: number } {
  if (!isRecord(info)) throw new SafetensorsError(`the entry of '${name}' is not an object`);
  const { dtype, shape, data_offsets: offsets } = info;
  if (typeof dtype !== 'string' || !Object.hasOwn(ELEMENT_BYTES, dtype)) {
    throw new SafetensorsError(
      `'${name}' has element type ${JSON.stringify(dtype)}`,
      `convert it to one of ${Object.keys(ELEMENT_BYTES).join(', ')}`,
    );
  }
  if (!isNaturals(shape) || !isNaturals(offsets) || offsets.length !== 2) {
    throw new SafetensorsError(`shape or data_offsets of '${name}' are not lists of natural numbers`);
  }
  const [begin, end] = offsets as [number, number];
  const needed = byteLength(dtype as SafetensorsDType, shape);
  if (end - begin !== needed) {
    throw new SafetensorsError(`'${name}' spans ${end - begin} bytes, ${dtype} of shape [${shape}] needs ${needed}`);
  }
  return { dtype: dtype as SafetensorsDType, shape, begin, end };
}

function byteLength(dtype: SafetensorsDType, shape: readonly number[]): number {
  return shape.reduce((n, axis) => n * axis, ELEMENT_BYTES[dtype]);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isNaturals(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);
}
