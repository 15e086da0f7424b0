import { allocate, fromBuffer, scope, tensor, where, zeros } from '@sparseflow/tensor';
import type { Masks, Params, Tensor } from '@sparseflow/tensor';
import { PruningError } from './errors.ts';
import { checkSameShapes } from './units.ts';

/** Masks on the host, one for every parameter: 1 where an entry is kept. */
export type HostMasks = Readonly<Record<string, Uint8Array>>;

/**
 * Downloads masks; a parameter without one is kept whole.
 *
 * @throws {PruningError} for masks of unknown parameters, of other shapes, or that hold anything but 0 and 1
 */
export async function downloadMasks(origin: string, params: Params, masks: Masks = {}): Promise<HostMasks> {
  checkSameShapes(origin, params, masks, 'the masks record');
  const download = async ([name, param]: [string, Tensor]) => {
    const live = new Uint8Array(param.size).fill(1);
    const values = await masks[name]?.data();
    for (let i = 0; values && i < live.length; i++) {
      const m = values[i]!;
      if (m !== 0 && m !== 1) {
        throw new PruningError(origin, `the mask of '${name}' is ${m} at index ${i}`, 'use masks of zeros and ones');
      }
      live[i] = m;
    }
    return [name, live] as const;
  };
  return Object.fromEntries(await Promise.all(Object.entries(params).map(download)));
}

/** Uploads masks in each parameter's dtype. Parameters that are kept whole get none. */
export function uploadMasks(params: Params, live: HostMasks): Masks {
  const masks: Record<string, Tensor> = {};
  for (const [name, mask] of Object.entries(live)) {
    if (!mask.includes(0)) continue;
    const { backend, dtype, shape } = params[name]!;
    const values = allocate(dtype, mask.length);
    values.set(mask);
    masks[name] = tensor(values, { backend, dtype, shape });
  }
  return masks;
}

/** How many entries a mask keeps. */
export function countOnes(mask: Uint8Array): number {
  let ones = 0;
  for (let i = 0; i < mask.length; i++) ones += mask[i]!;
  return ones;
}

/** How many entries the masks keep. */
export function countLive(live: HostMasks): number {
  return Object.values(live).reduce((sum, mask) => sum + countOnes(mask), 0);
}

export function copyMasks(live: HostMasks): HostMasks {
  return Object.fromEntries(Object.entries(live).map(([name, mask]) => [name, mask.slice()]));
}

/** A tensor of its own over the same values, which may share storage: disposing either leaves the other. */
export function alias(x: Tensor): Tensor {
  return fromBuffer(x.backend, x.backend.reshape(x, x.shape), x.shape, x.dtype);
}

/**
 * Sets the masked entries of parameters to exactly zero, also where they are not finite. Every tensor of the result is new, to be
 * disposed by the caller.
 *
 * @throws {ShapeError} when a mask and its parameter do not broadcast
 *
 * @example
 * ```ts
 * import { applyMasks } from '@sparseflow/pruning';
 * import { tensor } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 *
 * const backend = createReferenceBackend();
 * const params = { weight: tensor([1, -2, 3], { backend }), bias: tensor([4], { backend }) };
 * const sparse = applyMasks(params, { weight: tensor([1, 0, 1], { backend }) });
 * console.log(sparse.weight!.dataSync(), sparse.bias!.dataSync()); // 1, 0, 3 and 4
 * ```
 */
export function applyMasks(params: Params, masks: Masks): Record<string, Tensor> {
  return scope(() =>
    Object.fromEntries(
      Object.entries(params).map(([name, param]) => {
        const mask = masks[name];
        return [name, mask ? where(mask, param, zeros([], param)) : alias(param)];
      }),
    ),
  );
}
