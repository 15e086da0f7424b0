import {
  copy,
  mul,
  scope,
  ShapeError,
  shapesEqual,
  ValueError,
  type Buffer,
  type Masks,
  type Params,
  type Tensor,
} from '@sparseflow/tensor';
import type { CpuBackend } from './create.ts';

/**
 * How a weight is used: every number of it, the surviving ones by rows (`csr`), or those by tiles of columns whose part of the input
 * stays in the first-level cache (`tiled`).
 */
export type WeightLayout = 'dense' | 'tiled' | 'csr';

export interface SparsifyOptions {
  /** For all masked weights, in place of the one that is fastest at each weight's density. */
  readonly layout?: WeightLayout;
}

/** What the kernels know of a sparse weight. */
export interface Pattern {
  readonly layout: WeightLayout;
  /** The mask that it was made of: a weight that an optimiser multiplies with it has the same pattern. */
  readonly mask: Buffer;
  readonly survives: Float32Array;
  /** The survivors of the weight and of its transpose as native/network.hpp reads them; none where dense is faster. */
  readonly arrays: readonly [Float32Array, Float32Array] | undefined;
}

/** A property of weights at run time, beside them: to everything but the kernels they are ordinary tensors. */
const patterns = new WeakMap<object, Pattern>();

export function patternOf(buffer: Buffer): Pattern | undefined {
  return patterns.get(buffer as object);
}

export function setPattern(buffer: Buffer, pattern: Pattern): void {
  patterns.set(buffer as object, pattern);
}

/** Patterns that masks have led to: a training loop may sparsify with the same masks at every step. */
const ofMasks = new WeakMap<object, Pattern>();

function patternOfMask(mask: Tensor): Pattern {
  const known = ofMasks.get(mask.buffer as object);
  if (known) return known;
  const pattern = makePattern(mask);
  ofMasks.set(mask.buffer as object, pattern);
  return pattern;
}

/**
 * Columns of a tile: their rows of two panels are as large as a first-level cache, 48 kB. With fewer columns more time goes into rows
 * that begin and end. AVX-512 has panels of 64 samples, the others of at most 16.
 */
const WIDE_PANEL_TILE = 96;
const TILE = 288;

function tileOf(backend: Partial<CpuBackend>): number {
  return backend.describe?.().instructionSet === 'avx512' ? WIDE_PANEL_TILE : TILE;
}

/** Above the first density dense is fastest; tiles pay down to the second. Measured by `pnpm bench sparse`. */
const DENSE_ABOVE = 0.55;
const TILED_ABOVE = 0.06;

function fastestLayout(density: number, smallest: number): WeightLayout {
  if (density > DENSE_ABOVE || smallest < 8) return 'dense';
  return density > TILED_ABOVE ? 'tiled' : 'csr';
}

/** Tiles, starts and columns of the survivors of [rows, columns], or of its transpose, as bits. */
function survivors(
  mask: ArrayLike<number>,
  [rows, columns]: readonly [number, number],
  transposed: boolean,
  tile: number,
) {
  const [outer, inner] = transposed ? [columns, rows] : [rows, columns];
  const tiles = Math.max(1, Math.ceil(inner / tile));
  const starts = [0];
  const found: number[] = [];
  for (let t = 0; t < tiles; t++)
    for (let r = 0; r < outer; r++) {
      for (let c = t * tile; c < Math.min(inner, (t + 1) * tile); c++) {
        if (mask[transposed ? c * columns + r : r * columns + c] !== 0) found.push(c);
      }
      starts.push(found.length);
    }
  const bits = new Int32Array(1 + starts.length + found.length);
  bits[0] = tiles;
  bits.set(starts, 1);
  bits.set(found, 1 + starts.length);
  return new Float32Array(bits.buffer);
}

/**
 * Parameters whose pruned weights cost no time. The result is `params` times `masks`, in new, ordinary tensors, the caller's to
 * dispose; each masked weight also carries the layout that is fastest at its density, which `dualMlp` and its reverse pass use on this
 * package's compiled kernels. Their gradients are those of the masked weights' surviving entries, and 0 elsewhere. AdamW and Adam with
 * the same mask hand the layout on to the updated weight, so a training loop calls this once.
 *
 * Anything else (another operation, another backend, derivatives without a kernel) sees a dense tensor with zeros: a gradient of a
 * gradient by reverse mode twice also has entries for pruned weights. Where the kernels leave a pruned weight out, it does not turn an
 * infinite input into NaN, as its 0 in a dense product would.
 *
 * @throws {ValueError} when a mask names no parameter
 * @throws {ShapeError} when a mask has another shape than its parameter
 * @throws {DisposedTensorError} when a parameter or a mask was disposed
 * @throws {BackendError} when the masks are on a backend that cannot be read synchronously
 *
 * @example
 * ```ts
 * import { tensor } from '@sparseflow/tensor';
 * import { createCpuBackend, layoutOf, sparsify } from '@sparseflow/backend-cpu';
 *
 * const backend = createCpuBackend();
 * const shape = [64, 64];
 * const weight = tensor(Float32Array.from({ length: 4096 }, (_, i) => Math.sin(i)), { backend, shape });
 * const mask = tensor(Float32Array.from({ length: 4096 }, (_, i) => Number(i % 20 === 0)), { backend, shape });
 * const params = sparsify({ weight }, { weight: mask });
 * console.log(layoutOf(params.weight!)); // 'csr'
 * ```
 */
export function sparsify(params: Params, masks: Masks, { layout }: SparsifyOptions = {}): Params {
  for (const [name, mask] of Object.entries(masks)) {
    const param = Object.hasOwn(params, name) ? params[name] : undefined;
    if (param === undefined) {
      throw new ValueError(
        'sparsify',
        `the mask '${name}' names no parameter`,
        'give masks with the names of parameters',
      );
    }
    if (!shapesEqual(param.shape, mask.shape)) {
      throw new ShapeError(
        'sparsify',
        `'${name}': parameter [${param.shape}] and mask [${mask.shape}]`,
        'give masks of the shape of their parameters',
      );
    }
  }
  return scope(() =>
    Object.fromEntries(
      Object.entries(params).map(([name, param]) => {
        const mask = masks[name];
        if (mask === undefined) {
          const same = copy(param);
          const pattern = patternOf(param.buffer);
          if (pattern) setPattern(same.buffer, pattern);
          return [name, same];
        }
        const masked = mul(param, mask);
        if (param.rank === 2 && param.dtype === 'float32') {
          setPattern(masked.buffer, layout ? makePattern(mask, layout) : patternOfMask(mask));
        }
        return [name, masked];
      }),
    ),
  );
}

function makePattern(mask: Tensor, asked?: WeightLayout): Pattern {
  const survives = Float32Array.from(mask.dataSync(), (value) => Number(value !== 0));
  const shape = mask.shape as readonly [number, number];
  const density = survives.reduce((sum, one) => sum + one, 0) / survives.length;
  const layout = asked ?? fastestLayout(density, Math.min(...shape));
  const make = (transposed: boolean): Float32Array =>
    survivors(survives, shape, transposed, layout === 'tiled' ? tileOf(mask.backend) : Math.max(1, ...shape));
  const arrays = layout === 'dense' || survives.length === 0 ? undefined : ([make(false), make(true)] as const);
  return { layout, mask: mask.buffer, survives, arrays };
}

/**
 * The layout that a weight carries: `dense` for every tensor that `sparsify` did not make, or found fastest so.
 *
 * @throws {DisposedTensorError} when it was disposed
 *
 * @example
 * ```ts
 * import { ones } from '@sparseflow/tensor';
 * import { createCpuBackend, layoutOf } from '@sparseflow/backend-cpu';
 *
 * console.log(layoutOf(ones([2, 2], { backend: createCpuBackend() }))); // 'dense'
 * ```
 */
export function layoutOf(weight: Tensor): WeightLayout {
  return patternOf(weight.buffer)?.layout ?? 'dense';
}

/**
 * The masks whose weights {@link sparsify} makes sparse: matrices of which so few numbers survive that this package's compiled kernels are
 * faster without their zeros. None on other backends, where `sparsify` would only multiply. For loops that take the parameters anew in
 * every step, as those do that train a smaller model inside a larger one.
 *
 * @returns some of `masks`, which stay the caller's
 * @throws {DisposedTensorError} when a mask was disposed
 *
 * @example
 * ```ts
 * import { ones, tensor } from '@sparseflow/tensor';
 * import { createCpuBackend, sparseMasks } from '@sparseflow/backend-cpu';
 *
 * const options = { backend: createCpuBackend(), shape: [64, 64] };
 * const few = tensor(Float32Array.from({ length: 4096 }, (_, i) => Number(i % 20 === 0)), options);
 * const all = ones([64, 64], options);
 * console.log(Object.keys(sparseMasks({ few, all }))); // ['few']
 * ```
 */
export function sparseMasks(masks: Masks): Masks {
  const isSparse = (mask: Tensor): boolean =>
    COMPILED.has(mask.backend.name) && mask.rank === 2 && patternOfMask(mask).layout !== 'dense';
  return Object.fromEntries(Object.entries(masks).filter(([, mask]) => isSparse(mask)));
}

/** Names of backends with kernels for sparse weights. */
const COMPILED: ReadonlySet<string> = new Set(['native', 'wasm']);
