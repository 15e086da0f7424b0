import type { TypedArray } from '@sparseflow/tensor';

/**
 * Arrays of freed buffers, to be used again. A new array of some thousand numbers costs as much as most kernels on it (it is
 * zeroed, registered, and collected later), and a solver asks for the same few lengths all the time.
 */
export interface Pool {
  /** An array of this length, whose contents are left from before. */
  take(length: number): Float32Array;
  /** Takes back an array that nothing reads any more; one that did not come from here is left to the collector. */
  give(values: TypedArray): void;
}

/** Shorter arrays live in the engine's own heap, where a new one is as cheap. */
const SHORTEST = 64;

/** @param most numbers that wait; then those go first whose length was not asked for the longest */
export function createPool(most: number): Pool {
  /** By length, the one that was asked for last at the end. */
  const byLength = new Map<number, Float32Array[]>();
  /** Others would pile up here: more of them are freed than asked for. */
  const own = new WeakSet<TypedArray>();
  const isOwn = (values: TypedArray): values is Float32Array => own.has(values);
  let waiting = 0;
  const makeRoom = (length: number): void => {
    for (const [each, arrays] of byLength) {
      while (waiting + length > most && arrays.pop()) waiting -= each;
      if (waiting + length <= most) return;
      byLength.delete(each);
    }
  };
  return {
    take(length) {
      if (length < SHORTEST || length > most) return new Float32Array(length);
      const same = byLength.get(length) ?? [];
      byLength.delete(length);
      byLength.set(length, same);
      const again = same.pop();
      if (again !== undefined) {
        waiting -= length;
        return again;
      }
      const values = new Float32Array(length);
      own.add(values);
      return values;
    },
    give(values) {
      if (!isOwn(values)) return;
      const { length } = values;
      makeRoom(length);
      waiting += length;
      const same = byLength.get(length);
      if (same) same.push(values);
      else byLength.set(length, [values]);
    },
  };
}
