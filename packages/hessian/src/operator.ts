import type { Masks } from '@sparseflow/tensor';
import { HessianError } from './errors.ts';
import { type Layout } from './layout.ts';

/**
 * A symmetric matrix that is known by its products with vectors: a Hessian, a Gauss-Newton matrix, an empirical Fisher matrix, or a
 * part of one. Vectors are flat, in float64, in the order of `layout`.
 */
export interface CurvatureOperator {
  /** Number of coordinates. */
  readonly dimension: number;
  /** Which coordinate belongs to which parameter. */
  readonly layout: Layout;
  /** The product with a vector of length `dimension`; the vector is not kept. */
  apply(vector: Float64Array): Promise<Float64Array>;
}

/** A part of another operator. */
export interface RestrictedOperator extends CurvatureOperator {
  /** A vector of this operator in the coordinates of the whole one, exactly 0 where nothing is kept. */
  expand(vector: Float64Array): Float64Array;
}

/**
 * P H P on the coordinates where the masks are 1: the curvature of a pruned model in the weights that it still has. Pruned
 * coordinates are not zero directions here, they are gone: so the trace, the density and the condition number are those of the
 * surviving weights. A parameter without a mask is kept whole.
 *
 * @throws {HessianError} when nothing survives, or a mask does not fit
 */
export async function restrict(operator: CurvatureOperator, masks: Masks): Promise<RestrictedOperator> {
  const kept: number[] = [];
  for (const { name, offset, size } of operator.layout.parts) {
    const mask = await masks[name]?.data();
    if (mask && mask.length !== size) {
      throw new HessianError(
        'restrict',
        `the mask of '${name}' has ${mask.length} entries for ${size} coordinates`,
        'give the masks of the same parameters, before any other restriction',
      );
    }
    for (let i = 0; i < size; i++) if (!mask || mask[i] !== 0) kept.push(offset + i);
  }
  return select(operator, kept, 'restrict');
}

/**
 * The block that belongs to some of the parameters: per layer, or by any rule on names.
 *
 * @throws {HessianError} when no name is accepted
 */
export function restrictTo(operator: CurvatureOperator, accept: (name: string) => boolean): RestrictedOperator {
  const kept = operator.layout.parts
    .filter(({ name }) => accept(name))
    .flatMap(({ offset, size }) => Array.from({ length: size }, (_, i) => offset + i));
  return select(operator, kept, 'restrictTo');
}

/** The submatrix of some coordinates, which are increasing. */
function select(operator: CurvatureOperator, kept: readonly number[], where: string): RestrictedOperator {
  if (kept.length === 0) throw new HessianError(where, 'no coordinate is left', 'keep at least one weight');
  let next = 0;
  let offset = 0;
  const parts = operator.layout.parts.flatMap((part) => {
    const start = next;
    while (next < kept.length && kept[next]! < part.offset + part.size) next++;
    const size = next - start;
    offset += size;
    return size > 0 ? [{ name: part.name, offset: offset - size, size }] : [];
  });
  const expand = (vector: Float64Array): Float64Array => {
    const full = new Float64Array(operator.dimension);
    kept.forEach((coordinate, i) => (full[coordinate] = vector[i]!));
    return full;
  };
  return {
    dimension: kept.length,
    layout: { parts, size: kept.length },
    expand,
    async apply(vector) {
      const product = await operator.apply(expand(vector));
      return Float64Array.from(kept, (coordinate) => product[coordinate]!);
    },
  };
}
