import { sizeOf } from '@sparseflow/tensor';
import type { Masks, Params } from '@sparseflow/tensor';
import { PruningError } from './errors.ts';
import { downloadMasks, uploadMasks } from './masks.ts';

/** Masks as bits, in the form that writers of safetensors files take. */
export interface PackedMasks {
  /** `masks/NAME`: a bit per entry in row-major order, the first in the lowest bit of the first byte. */
  readonly tensors: Readonly<Record<string, PackedMask>>;
  /** `masks/NAME`: the mask's shape as JSON, which says how many of the bits count. */
  readonly metadata: Readonly<Record<string, string>>;
}

export interface PackedMask {
  readonly dtype: 'U8';
  readonly shape: readonly [bytes: number];
  readonly bytes: Uint8Array;
}

const PREFIX = 'masks/';

/**
 * Packs masks into an eighth of a byte per entry. `writeSafetensors` of @sparseflow/optim makes a file of the result, alone or together with
 * other tensors; {@link unpackMasks} reads it. The README has the lines that read it in Python.
 *
 * @throws {PruningError} when a mask holds anything but 0 and 1
 *
 * @example
 * ```ts
 * import { packMasks, unpackMasks } from '@sparseflow/pruning';
 * import { ones, tensor } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 *
 * const backend = createReferenceBackend();
 * const packed = await packMasks({ weight: tensor([[1, 0], [0, 1]], { backend }) });
 * console.log(packed.tensors['masks/weight']!.bytes); // one byte: 0b1001
 * const masks = unpackMasks(packed, { weight: ones([2, 2], { backend }) });
 * console.log(await masks['weight']!.data()); // 1, 0, 0, 1
 * ```
 */
export async function packMasks(masks: Masks): Promise<PackedMasks> {
  const live = await downloadMasks('packMasks', masks, masks);
  const tensors: Record<string, PackedMask> = {};
  const metadata: Record<string, string> = {};
  for (const [name, mask] of Object.entries(live)) {
    const bytes = new Uint8Array(Math.ceil(mask.length / 8));
    mask.forEach((m, i) => (bytes[i >> 3]! |= m << (i & 7)));
    tensors[PREFIX + name] = { dtype: 'U8', shape: [bytes.length], bytes };
    metadata[PREFIX + name] = JSON.stringify(masks[name]!.shape);
  }
  return { tensors, metadata };
}

/**
 * Unpacks masks from what {@link packMasks} made, such as the content of a file, and uploads them in the dtypes of the parameters. Other
 * tensors and metadata are ignored.
 *
 * @throws {PruningError} when a mask is of another model, or the file is not whole
 */
export function unpackMasks(
  file: {
    readonly tensors: Readonly<Record<string, { readonly dtype: string; readonly bytes: Uint8Array }>>;
    readonly metadata: Readonly<Record<string, string>>;
  },
  params: Params,
): Masks {
  const live: Record<string, Uint8Array> = {};
  for (const [key, shape] of Object.entries(file.metadata)) {
    if (!key.startsWith(PREFIX)) continue;
    const name = key.slice(PREFIX.length);
    const param = params[name];
    if (shape !== JSON.stringify(param?.shape)) {
      throw new PruningError(
        'unpackMasks',
        `the mask of '${name}' has shape ${shape}, the parameter ${param ? `[${param.shape}]` : 'does not exist'}`,
        'load the masks of this model',
      );
    }
    const size = sizeOf(param!.shape);
    const packed = file.tensors[key];
    if (packed?.dtype !== 'U8' || packed.bytes.length !== Math.ceil(size / 8)) {
      throw new PruningError('unpackMasks', `the bits of '${name}' are missing or too few`, 'save the masks again');
    }
    live[name] = Uint8Array.from({ length: size }, (_, i) => (packed.bytes[i >> 3]! >> (i & 7)) & 1);
  }
  return uploadMasks(params, live);
}
