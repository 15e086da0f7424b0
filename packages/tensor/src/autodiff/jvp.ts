import { zerosLike } from '../create.ts';
import { scope } from '../memory.ts';
import { flattenTree, mapTree, type Tree } from '../tree.ts';
import { checkMatches } from './check.ts';
import { DualTrace } from './dual.ts';

export interface Jvp<Y extends Tree> {
  readonly value: Y;
  /** The derivative of `value` in the given direction. */
  readonly tangent: Y;
}

/**
 * Evaluates `f(x)` and its directional derivative along `v` in one forward pass (Jacobian-vector product). Nests with every
 * other differentiation.
 *
 * @throws {ShapeError} when `v` does not have the structure and shapes of `x`.
 *
 * @example
 * ```ts
 * import { jvp, sin, tensor } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 *
 * const backend = createReferenceBackend();
 * const { tangent } = jvp((x) => sin(x), tensor(0, { backend }), tensor(2, { backend }));
 * console.log(tangent.dataSync()); // [2]: cos(0) · 2
 * ```
 */
export function jvp<X extends Tree, Y extends Tree>(f: (x: X) => Y, x: X, v: X): Jvp<Y> {
  checkMatches('jvp', 'direction', v, x);
  const trace = new DualTrace();
  const directions = flattenTree(v);
  return scope(() => {
    const y = f(mapTree(x, (leaf, i) => trace.pair(leaf, directions[i])));
    return {
      value: mapTree(y, (leaf) => trace.lower(leaf)),
      tangent: mapTree(y, (leaf) => trace.tangent(leaf) ?? zerosLike(trace.lower(leaf))),
    };
  });
}
