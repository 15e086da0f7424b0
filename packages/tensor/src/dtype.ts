/** Element types. Floating types carry gradients; `int32` only holds indices. */
export type FloatDType = 'float32' | 'float64';
export type DType = FloatDType | 'int32';

export type TypedArray = Float32Array | Float64Array | Int32Array;

const arrayTypes = { float32: Float32Array, float64: Float64Array, int32: Int32Array } as const;

/** Allocates the typed array that holds `dtype` on the host. */
export function allocate(dtype: DType, size: number): TypedArray {
  return new arrayTypes[dtype](size);
}

/** Copies numbers into the typed array that holds `dtype`; floats are rounded to nearest, int32 truncated. */
export function toTypedArray(values: ArrayLike<number>, dtype: DType): TypedArray {
  return arrayTypes[dtype].from(values);
}

/** The element type that a typed array holds. */
export function dtypeOf(values: TypedArray): DType {
  if (values instanceof Float32Array) return 'float32';
  return values instanceof Float64Array ? 'float64' : 'int32';
}
