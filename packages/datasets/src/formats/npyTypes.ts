/** One element type of npy files. */
export interface NpyType {
  readonly bytes: number;
  /** Sees elements in the platform's byte order, where there is one. */
  readonly array?:
    | Float32ArrayConstructor
    | Float64ArrayConstructor
    | Int8ArrayConstructor
    | Int16ArrayConstructor
    | Int32ArrayConstructor
    | Uint8ArrayConstructor
    | Uint16ArrayConstructor
    | Uint32ArrayConstructor;
  /** One element. */
  get(view: DataView, offset: number, littleEndian: boolean): number;
}

/** Integers of 64 bits become numbers where these are exact. */
function exact(value: bigint): number {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : NaN;
}

/** IEEE 754 binary16: 1 sign bit, 5 of the exponent, 10 of the fraction. */
function float16(bits: number): number {
  const sign = bits >>> 15 ? -1 : 1;
  const exponent = (bits >>> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/** By numpy's kind and size; the byte order stands before it. Integers that are not exact as numbers read as NaN. */
export const npyTypes: Readonly<Record<string, NpyType>> = {
  f2: { bytes: 2, get: (view, offset, little) => float16(view.getUint16(offset, little)) },
  f4: { bytes: 4, array: Float32Array, get: (view, offset, little) => view.getFloat32(offset, little) },
  f8: { bytes: 8, array: Float64Array, get: (view, offset, little) => view.getFloat64(offset, little) },
  b1: { bytes: 1, array: Uint8Array, get: (view, offset) => view.getUint8(offset) },
  i1: { bytes: 1, array: Int8Array, get: (view, offset) => view.getInt8(offset) },
  i2: { bytes: 2, array: Int16Array, get: (view, offset, little) => view.getInt16(offset, little) },
  i4: { bytes: 4, array: Int32Array, get: (view, offset, little) => view.getInt32(offset, little) },
  i8: { bytes: 8, get: (view, offset, little) => exact(view.getBigInt64(offset, little)) },
  u1: { bytes: 1, array: Uint8Array, get: (view, offset) => view.getUint8(offset) },
  u2: { bytes: 2, array: Uint16Array, get: (view, offset, little) => view.getUint16(offset, little) },
  u4: { bytes: 4, array: Uint32Array, get: (view, offset, little) => view.getUint32(offset, little) },
  u8: { bytes: 8, get: (view, offset, little) => exact(view.getBigUint64(offset, little)) },
};
