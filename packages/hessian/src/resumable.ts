import { RecordMismatchError } from './errors.ts';
import type { CurvatureOperator } from './operator.ts';

/**
 * Products that were computed before, in the order in which they were asked for. Where entries are kept (in memory, in a file) is up to
 * its maker; what is in them is not.
 */
export interface ProductRecord {
  /** The entry at an index, from 0, or undefined where there is none yet. */
  read(index: number): Float64Array | undefined;
  /** Keeps the next entry; it must not be changed afterwards. */
  append(entry: Float64Array): void;
}

export interface ResumableOptions {
  /** Answers the products that are in it, and takes the others. */
  readonly record?: ProductRecord;
  /** Asked before each product. */
  readonly signal?: AbortSignal;
  /** Called after each product with how many there were, those from the record included, and whether this was one of those. */
  readonly onProduct?: (done: number, fromRecord: boolean) => void;
}

/** A record in memory: what an aborted computation needs to go on in the same process. */
export function memoryRecord(): ProductRecord {
  const entries: Float64Array[] = [];
  return { read: (index) => entries[index], append: (entry) => void entries.push(entry) };
}

/**
 * The same operator, watched, interruptible and resumable, whatever is computed with it. Every algorithm of this package asks for the
 * same products in the same order when it is given the same key. So one that was killed and is started again gets the products that it
 * had from the record, in no time, and goes on from there: its answer is that of a computation that was never interrupted, to the bit.
 *
 * @throws {RecordMismatchError} from a product when the record is of another computation
 *
 * @example
 * ```ts
 * import { hessianOperator, lanczos, memoryRecord, resumable } from '@sparseflow/hessian';
 * import { key, mul, square, sum, tensor, type Params } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 *
 * const backend = createReferenceBackend();
 * const params = { w: tensor([1, 2, 3], { backend }) };
 * const scales = tensor([1, 10, 100], { backend });
 * const loss = (p: Params, batch: typeof scales) => sum(mul(batch, square(p['w']!)));
 * const hessian = await hessianOperator(loss, params, [{ batch: scales }]);
 *
 * const record = memoryRecord(); // or one that writes to a file
 * const stop = new AbortController();
 * const first = resumable(hessian, { record, signal: stop.signal, onProduct: (done) => done === 2 && stop.abort() });
 * await lanczos(first, { k: 1, key: key(0) }).catch(() => console.log('stopped after two products'));
 * const { values } = await lanczos(resumable(hessian, { record }), { k: 1, key: key(0) });
 * console.log(values); // [200]
 * ```
 */
export function resumable(operator: CurvatureOperator, options: ResumableOptions): CurvatureOperator {
  const { record, signal, onProduct } = options;
  let asked = 0;
  return {
    ...operator,
    async apply(vector) {
      signal?.throwIfAborted();
      const fingerprint = fingerprintOf(vector);
      const known = record?.read(asked);
      let product: Float64Array;
      if (known === undefined) {
        product = await operator.apply(vector);
        const entry = new Float64Array(product.length + 1);
        entry[0] = fingerprint;
        entry.set(product, 1);
        record?.append(entry);
      } else {
        if (known.length !== operator.dimension + 1 || known[0] !== fingerprint) {
          throw new RecordMismatchError(
            'resumable',
            `product ${asked} of the record is of another vector`,
            'start with an empty record: the operator, the algorithm or its key has changed',
          );
        }
        product = known.slice(1);
      }
      asked += 1;
      onProduct?.(asked, known !== undefined);
      return product;
    },
  };
}

/** FNV-1a over the bits: vectors that differ anywhere differ in it, but for one case in 2³². */
function fingerprintOf(vector: Float64Array): number {
  const bytes = new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength);
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}
