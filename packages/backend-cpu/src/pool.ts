import type { TypedArray } from '@sparseflow/tensor';

/**
 * Arrays of freed buffers, to be used again. A new array of some thousand numbers costs as much as most kernels on it (it is
 * zeroed, registered, and collected later), and a solver asks for the same few lengths all the time.
 */
export interface Pool {
  /** An array of this length, whose contents are left from before. */
  take(length: number): Float32Array;
  /** Takes over an array that nothing reads any more. */
  give(values: TypedArray): void;
}

/** Shorter arrays live in the engine's own heap, where a new one is as cheap. */
const SHORTEST = 64;
/** 64 MB wait at most; then all of them are let go, as their lengths may not be asked for again. */
const MOST = 2 ** 24;

export function createPool(): Pool {
  const byLength = new Map<number, Float32Array[]>();
  let waiting = 0;
  return {
    take(length) {
      const values = length < SHORTEST ? undefined : byLength.get(length)?.pop();
      if (values === undefined) return new Float32Array(length);
      waiting -= length;
      return values;
    },
    give(values) {
      const { length } = values;
      if (!(values instanceof Float32Array) || length < SHORTEST || length > MOST) return;
      if (waiting + length > MOST) {
        byLength.clear();
        waiting = 0;
      }
      waiting += length;
      const same = byLength.get(length);
      if (same) same.push(values);
      else byLength.set(length, [values]);
    },
  };
}
