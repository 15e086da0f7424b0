import { dtypeOf, scope, tensor } from '@sparseflow/tensor';
import type { Backend, DType, Key, Masks, Params, Tensor, TypedArray } from '@sparseflow/tensor';
import { crc32 } from './crc32.ts';
import { CorruptCheckpointError, SafetensorsError } from './errors.ts';
import type { OptimizerState } from './optimizer.ts';
import { readSafetensors, writeSafetensors, type RawTensor } from './safetensors.ts';
import { joinState, release, splitState, type StateShape } from './stateTree.ts';

/** Where training goes on: the next batch, and the sums over the epoch's batches before it. */
export interface TrainingCursor {
  readonly epoch: number;
  /** Batches of this epoch that are done. */
  readonly batch: number;
  /** Steps of the whole run that are done. */
  readonly step: number;
  readonly lossSum: number;
  readonly metricSums: Readonly<Record<string, number>>;
}

/** What an epoch came to. */
export interface EpochRecord {
  readonly epoch: number;
  /** Mean over the epoch's steps, each taken before its update. */
  readonly loss: number;
  readonly validation?: number;
  /** Means of what the steps reported. */
  readonly metrics: Readonly<Record<string, number>>;
}

/** Everything that training needs to go on as if it had not stopped. Only `params` is required: a trained model is a checkpoint too. */
export interface Checkpoint {
  readonly params: Params;
  readonly masks?: Masks | undefined;
  readonly optimizer?: OptimizerState | undefined;
  readonly key?: Key | undefined;
  readonly cursor?: TrainingCursor | undefined;
  readonly history?: readonly EpochRecord[] | undefined;
  /** The epoch with the lowest validation value, with its parameters when they are kept. */
  readonly best?: { readonly epoch: number; readonly value: number; readonly params?: Params } | undefined;
  /** The application's own notes. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

const CRC = 'sparseflow.crc32';
const NAMES = 'sparseflow.names';
const TRAINING = 'sparseflow.training';
const FORMAT = 'sparseflow.format';
const VERSION = '1';
/** Before the names of the application's metadata: without it a name such as '0' would come first in the header. */
const NOTE = 'metadata/';
/** The checksum is the first thing in the header, at a place that does not depend on the content. */
const OPENING = `{"__metadata__":{"${CRC}":"`;
const BLANK = '00000000';
const CRC_AT = 8 + OPENING.length;

/** Names in their own order: sums over parameters are taken in it, so it decides the last bits of a resumed run. */
type Names = Readonly<Record<string, readonly string[]>>;

/** The part that is no tensor. */
interface Training extends Pick<Checkpoint, 'cursor' | 'history'> {
  readonly optimizer?: StateShape;
  readonly key?: Key['words'];
  readonly best?: { readonly epoch: number; readonly value: number };
}

/**
 * Writes a checkpoint as a safetensors file: tensors `params/NAME`, `masks/NAME`, `optimizer/PATH` and `best/NAME`, the rest in the
 * metadata (the application's as `metadata/NAME`), with a CRC-32 of the whole file. Values keep their exact bytes; equal checkpoints give equal bytes.
 *
 * @example
 * ```ts
 * import { decodeCheckpoint, encodeCheckpoint } from '@sparseflow/optim';
 * import { tensor } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 *
 * const backend = createReferenceBackend();
 * const bytes = await encodeCheckpoint({ params: { w: tensor([0.1, 0.2], { backend }) }, metadata: { model: 'demo' } });
 * console.log(decodeCheckpoint(bytes, { backend }).params.w!.dataSync()); // [0.1, 0.2]
 * ```
 */
export async function encodeCheckpoint(checkpoint: Checkpoint): Promise<Uint8Array> {
  const { params, masks, optimizer, key, cursor, history, best, metadata = {} } = checkpoint;
  const state = optimizer === undefined ? undefined : splitState(optimizer);
  const groups = { params, masks, best: best?.params };
  const tensors = [
    ...Object.entries(groups).flatMap(([group, members = {}]) =>
      Object.entries(members).map(([name, x]): [string, Tensor] => [`${group}/${name}`, x]),
    ),
    ...(state?.tensors ?? []).map(([path, x]): [string, Tensor] => [`optimizer/${path}`, x]),
  ];
  const names: Names = Object.fromEntries(
    Object.entries(groups).flatMap(([group, members]) => (members ? [[group, Object.keys(members)]] : [])),
  );
  const training: Training = {
    ...(state && { optimizer: state.shape }),
    ...(key && { key: key.words }),
    ...(cursor && { cursor }),
    ...(history && { history }),
    ...(best && { best: { epoch: best.epoch, value: best.value } }),
  };
  const bytes = writeSafetensors({
    tensors: Object.fromEntries(await Promise.all(tensors.map(async ([name, x]) => [name, await toRaw(x)] as const))),
    metadata: {
      [CRC]: BLANK,
      [FORMAT]: VERSION,
      [NAMES]: JSON.stringify(names),
      [TRAINING]: JSON.stringify(training, encodeNumbers),
      ...Object.fromEntries(Object.entries(metadata).map(([name, value]) => [NOTE + name, value])),
    },
  });
  bytes.set(new TextEncoder().encode(hex(crc32(bytes))), CRC_AT);
  return bytes;
}

/**
 * Reads what {@link encodeCheckpoint} wrote, and uploads it.
 *
 * @param options.path - Named in errors.
 * @throws {CorruptCheckpointError} when a single bit differs from what was written, or it was written by a later version
 * @throws {DTypeError} when the backend does not compute with an element type of the checkpoint
 */
export function decodeCheckpoint(
  bytes: Uint8Array,
  options: { readonly backend: Backend; readonly path?: string },
): Checkpoint {
  const corrupt = (what: string, cause?: unknown): CorruptCheckpointError =>
    new CorruptCheckpointError(options.path, what, { cause });
  if (new TextDecoder('latin1').decode(bytes.subarray(8, CRC_AT)) !== OPENING) {
    throw corrupt('it does not begin as a checkpoint does');
  }
  const written = new TextDecoder('latin1').decode(bytes.subarray(CRC_AT, CRC_AT + BLANK.length));
  const before = crc32(new TextEncoder().encode(BLANK), crc32(bytes.subarray(0, CRC_AT)));
  if (written !== hex(crc32(bytes.subarray(CRC_AT + BLANK.length), before)))
    throw corrupt('its bytes do not match their checksum');
  try {
    return unpack(readSafetensors(bytes), options.backend);
  } catch (error) {
    if (error instanceof SafetensorsError) throw corrupt(error.message, error);
    throw error;
  }
}

function unpack(file: ReturnType<typeof readSafetensors>, backend: Backend): Checkpoint {
  const { [CRC]: _, [FORMAT]: version, [NAMES]: names = '{}', [TRAINING]: rest = '{}', ...notes } = file.metadata;
  if (version !== VERSION) {
    throw new SafetensorsError(`it has format version ${version}, this program reads version ${VERSION}`);
  }
  const groups = JSON.parse(names) as Names;
  const { optimizer, key, cursor, history, best } = JSON.parse(rest, decodeNumbers) as Training;
  // One scope: when an upload fails, those before it are freed.
  return scope(() => {
    const upload = (name: string): Tensor => {
      const raw = file.tensors[name];
      if (!raw) throw new SafetensorsError(`there is no tensor '${name}'`);
      return fromRaw(name, raw, backend);
    };
    const group = (name: string): Params | undefined => {
      const members = groups[name];
      return members && Object.fromEntries(members.map((member) => [member, upload(`${name}/${member}`)]));
    };
    const masks = group('masks');
    const bestParams = group('best');
    return {
      params: group('params') ?? {},
      ...(masks && { masks }),
      ...(optimizer !== undefined && { optimizer: joinState(optimizer, (path) => upload(`optimizer/${path}`)) }),
      ...(key && { key: { words: key } }),
      ...(cursor && { cursor }),
      ...(history && { history }),
      ...(best && { best: { ...best, ...(bestParams && { params: bestParams }) } }),
      metadata: Object.fromEntries(Object.entries(notes).map(([name, value]) => [name.slice(NOTE.length), value])),
    };
  });
}

/** Disposes all tensors of a checkpoint. */
export function disposeCheckpoint(checkpoint: Checkpoint): void {
  release(checkpoint);
}

const DTYPES = { float32: 'F32', float64: 'F64', int32: 'I32' } as const satisfies Record<DType, string>;
const ARRAYS = { F32: Float32Array, F64: Float64Array, I32: Int32Array } as const;

// Every platform that runs JavaScript today stores numbers little-endian, as the format does.
async function toRaw(x: Tensor): Promise<RawTensor> {
  const values = await x.data();
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return { dtype: DTYPES[x.dtype], shape: x.shape, bytes };
}

function fromRaw(name: string, { dtype, shape, bytes }: RawTensor, backend: Backend): Tensor {
  if (dtype !== 'F32' && dtype !== 'F64' && dtype !== 'I32') {
    throw new SafetensorsError(`'${name}' has element type ${dtype}, which checkpoints do not use`);
  }
  // A copy: views need not be aligned.
  const values: TypedArray = new ARRAYS[dtype](bytes.slice().buffer);
  return tensor(values, { backend, shape, dtype: dtypeOf(values) });
}

/** JSON has no NaN, no infinities and no negative zero; as strings they are told from the other strings here. */
const NUMERALS = ['NaN', 'Infinity', '-Infinity', '-0'];

function encodeNumbers(_name: string, value: unknown): unknown {
  if (typeof value !== 'number') return value;
  return Object.is(value, -0) ? '-0' : Number.isFinite(value) ? value : String(value);
}

function decodeNumbers(_name: string, value: unknown): unknown {
  return typeof value === 'string' && NUMERALS.includes(value) ? Number(value) : value;
}

function hex(crc: number): string {
  return crc.toString(16).padStart(8, '0');
}
