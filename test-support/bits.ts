/** Typed arrays of one kind. */
type Numbers = Float32Array | Float64Array | Int32Array | Uint8Array;

/**
 * Where typed arrays first differ in a bit, or undefined where they are the same. Of hundreds of thousands of numbers Vitest's toEqual says
 * that far more slowly: it takes each for a property of an object.
 */
export function firstDifference(actual: ArrayLike<number>, expected: ArrayLike<number>): string | undefined {
  if (![actual, expected].every(ArrayBuffer.isView)) return 'no typed arrays';
  if (actual.constructor !== expected.constructor || actual.length !== expected.length)
    return `${actual.constructor.name} of ${actual.length} and ${expected.constructor.name} of ${expected.length}`;
  const [a, e] = [actual, expected].map((array) => {
    const { buffer, byteOffset, byteLength } = array as Numbers;
    return new Uint8Array(buffer, byteOffset, byteLength);
  });
  const at = a!.findIndex((byte, i) => byte !== e![i]);
  if (at < 0) return undefined;
  const i = Math.floor(at / (actual as Numbers).BYTES_PER_ELEMENT);
  return `[${i}]: ${actual[i]} and ${expected[i]}`;
}
