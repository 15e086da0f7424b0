import { sizeOf, tensor, type Params, type Shape, type Tensor } from '@sparseflow/tensor';

/** Where each parameter's entries lie in a flat vector. */
export interface Layout {
  readonly parts: readonly { readonly name: string; readonly offset: number; readonly size: number }[];
  readonly size: number;
}

/** The parameters one behind the other, in the order of the record, each row-major. */
export function layoutOf(params: Readonly<Record<string, { readonly shape: Shape }>>): Layout {
  let offset = 0;
  const parts = Object.entries(params).map(([name, { shape }]) => {
    const size = sizeOf(shape);
    offset += size;
    return { name, offset: offset - size, size };
  });
  return { parts, size: offset };
}

/** A flat vector as tensors like the parameters. The caller disposes them. */
export function unflatten(vector: Float64Array, params: Params, layout: Layout): Params {
  return Object.fromEntries(
    layout.parts.map(({ name, offset, size }): [string, Tensor] => {
      const { backend, shape, dtype } = params[name]!;
      return [name, tensor(vector.subarray(offset, offset + size), { backend, shape, dtype })];
    }),
  );
}

/** Adds `weight` times the tensors to a flat vector, in float64. */
export async function addFlattened(into: Float64Array, tensors: Params, layout: Layout, weight = 1): Promise<void> {
  for (const { name, offset } of layout.parts) {
    const values = await tensors[name]!.data();
    for (let i = 0; i < values.length; i++) into[offset + i]! += weight * values[i]!;
  }
}
