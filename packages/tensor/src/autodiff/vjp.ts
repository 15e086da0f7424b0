import { zerosLike } from '../create.ts';
import { record, scope } from '../memory.ts';
import { copy } from '../ops/cast.ts';
import type { Tensor } from '../tensor.ts';
import { flattenTree, mapTree, type Tree } from '../tree.ts';
import { checkMatches } from './check.ts';
import { Tape } from './tape.ts';

export interface Vjp<X extends Tree, Y extends Tree> {
  readonly value: Y;
  /** Maps a cotangent of `value` to the cotangent of `x`. Can be called more than once. */
  pullback(cotangent: Y): X;
  /** Frees what the pullback needs; `value` stays. An enclosing scope does it too. */
  dispose(): void;
}

/**
 * Evaluates `f(x)` and its vector-Jacobian product (reverse mode). Any nesting with `vjp`, `jvp` and the others gives
 * derivatives of any order. An input without a path to the output gets zeros.
 *
 * @throws {ShapeError} from `pullback` when the cotangent does not have the value's structure and shapes.
 *
 * @example
 * ```ts
 * import { mul, tensor, vjp } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 *
 * const backend = createReferenceBackend();
 * const x = tensor([1, 2, 3], { backend });
 * const { value, pullback, dispose } = vjp((v) => mul(v, v), x);
 * console.log(value.dataSync(), pullback(tensor([1, 1, 1], { backend })).dataSync()); // [1, 4, 9], [2, 4, 6]
 * dispose();
 * ```
 */
export function vjp<X extends Tree, Y extends Tree>(f: (x: X) => Y, x: X): Vjp<X, Y> {
  const tape = new Tape('vjp');
  const inputs = mapTree(x, (leaf) => tape.input(leaf));
  const { value: traced, owned } = record(() => f(inputs));
  const value = mapTree(traced, (leaf) => tape.lower(leaf));
  const xs = flattenTree(x);
  return {
    value,
    pullback(cotangent) {
      checkMatches('pullback', 'cotangent', cotangent, value);
      return scope(() => {
        const cotangents = tape.backward(flattenTree(inputs), flattenTree(traced), flattenTree(cotangent));
        // A rule may pass one cotangent on to two inputs, or the caller's own: every result is a tensor of its own.
        const taken = new Set(flattenTree(cotangent));
        return mapTree(x, (_, i) => {
          const result = cotangents[i] ?? zerosLike(xs[i]!);
          const own = taken.has(result) ? copy(result) : result;
          taken.add(own);
          return own;
        });
      });
    },
    dispose: () => release(owned, value),
  };
}

/** Disposes what a recording created, except its result. */
export function release(owned: readonly Tensor[], value: Tree): void {
  const kept = new Set(flattenTree(value));
  for (const x of owned) if (!kept.has(x)) x.dispose();
}
