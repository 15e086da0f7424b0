import {
  disposeTree,
  normal,
  splitKey,
  tensor,
  type Key,
  type Masks,
  type Params,
  type Tensor,
} from '@sparseflow/tensor';
import { HessianError } from './errors.ts';

/**
 * A random direction, scaled filter by filter: each row of a weight (slices along axis 0) gets the norm of the parameter's row, so
 * that landscapes of different networks can be compared (Li et al. 2018). Vectors (biases) do not move; pruned weights stay 0.
 */
export async function filterNormalizedDirection(params: Params, key: Key, masks: Masks = {}): Promise<Params> {
  const names = Object.keys(params);
  const keys = splitKey(key, names.length);
  const out: Record<string, Tensor> = {};
  for (const [n, name] of names.entries()) {
    const x = params[name]!;
    const values = await x.data();
    const mask = await masks[name]?.data();
    const direction = x.rank < 2 ? new Float64Array(x.size) : normal(keys[n]!, x.size);
    const width = x.size / Math.max(1, x.shape[0] ?? 1);
    for (let start = 0; x.rank >= 2 && start < x.size; start += width) {
      let [own, drawn] = [0, 0];
      for (let i = start; i < start + width; i++) {
        if (mask && mask[i] === 0) direction[i] = 0;
        own += values[i]! ** 2;
        drawn += direction[i]! ** 2;
      }
      const scale = drawn > 0 ? Math.sqrt(own / drawn) : 0;
      for (let i = start; i < start + width; i++) direction[i]! *= scale;
    }
    out[name] = tensor(direction, { backend: x.backend, shape: x.shape, dtype: x.dtype });
  }
  return out;
}

export interface Landscape {
  /** Coordinates along the first direction. */
  readonly x: readonly number[];
  /** Along the second; [0] in one dimension. */
  readonly y: readonly number[];
  /** Loss at (x[i], y[j]), row-major in j. */
  readonly values: Float64Array;
}

export interface LandscapeOptions {
  readonly signal?: AbortSignal;
  /** Called after each point, with how many there are in all. */
  readonly onPoint?: (done: number, total: number) => void;
}

/**
 * The loss on a line or a plane through the parameters.
 *
 * @param loss its value at given parameters, which are lent for the call
 * @param directions one or two, like the parameters: random, or eigenvectors
 * @throws {HessianError} for another number of directions
 */
export async function landscape(
  loss: (params: Params) => number | Promise<number>,
  params: Params,
  directions: readonly Params[],
  coordinates: { readonly x: readonly number[]; readonly y?: readonly number[] },
  { signal, onPoint }: LandscapeOptions = {},
): Promise<Landscape> {
  const [first, second] = directions;
  if (!first || directions.length > 2)
    throw new HessianError('landscape', `${directions.length} directions`, 'give one or two');
  const { x } = coordinates;
  const y = second ? (coordinates.y ?? x) : [0];
  const values = new Float64Array(x.length * y.length);
  const host: Record<string, readonly ArrayLike<number>[]> = {};
  for (const name of Object.keys(params)) {
    host[name] = await Promise.all([params, first, ...(second ? [second] : [])].map((p) => p[name]!.data()));
  }
  for (const [j, b] of y.entries()) {
    for (const [i, a] of x.entries()) {
      signal?.throwIfAborted();
      const moved = Object.fromEntries(
        Object.entries(params).map(([name, { backend, shape, dtype, size }]) => {
          const [base, along, across] = host[name]!;
          const at = Float64Array.from(
            { length: size },
            (_, n) => base![n]! + a * along![n]! + (across ? b * across[n]! : 0),
          );
          return [name, tensor(at, { backend, shape, dtype })];
        }),
      );
      try {
        values[j * x.length + i] = await loss(moved);
      } finally {
        disposeTree(moved);
      }
      onPoint?.(j * x.length + i + 1, values.length);
    }
  }
  return { x, y, values };
}
