import { zerosLike } from '../create.ts';
import { record, scope } from '../memory.ts';
import { flattenTree, mapTree, type Tree } from '../tree.ts';
import { checkMatches } from './check.ts';
import { Tape } from './tape.ts';
import { release } from './vjp.ts';

export interface Linearization<X extends Tree, Y extends Tree> {
  readonly value: Y;
  /** The derivative at `x` applied to `v`: costs one sweep over the recording, `f` is not run again. */
  jvp(v: X): Y;
  /** Frees the recording; `value` stays. An enclosing scope does it too. */
  dispose(): void;
}

/**
 * Evaluates `f(x)` once and keeps its derivative at `x` as a linear function. Worth it when many directions are asked for at
 * one point.
 *
 * @example
 * ```ts
 * import { linearize, square, tensor } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 *
 * const backend = createReferenceBackend();
 * const line = linearize((x) => square(x), tensor([1, 2], { backend }));
 * console.log(line.jvp(tensor([1, 0], { backend })).dataSync()); // [2, 0]
 * console.log(line.jvp(tensor([0, 1], { backend })).dataSync()); // [0, 4]
 * line.dispose();
 * ```
 */
export function linearize<X extends Tree, Y extends Tree>(f: (x: X) => Y, x: X): Linearization<X, Y> {
  const tape = new Tape('jvp');
  const inputs = mapTree(x, (leaf) => tape.input(leaf));
  const { value: traced, owned } = record(() => f(inputs));
  const value = mapTree(traced, (leaf) => tape.lower(leaf));
  const ys = flattenTree(value);
  return {
    value,
    jvp(v) {
      checkMatches('linearize', 'direction', v, x);
      return scope(() => {
        const tangents = tape.forward(flattenTree(inputs), flattenTree(traced), flattenTree(v));
        return mapTree(value, (_, i) => tangents[i] ?? zerosLike(ys[i]!));
      });
    },
    dispose: () => release(owned, value),
  };
}
