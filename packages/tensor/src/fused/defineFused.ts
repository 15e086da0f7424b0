import type { Primitive } from '../primitive.ts';
import { bind } from '../primitive.ts';
import type { Tensor } from '../tensor.ts';

export interface FusedRules<P> {
  /** Checks the operands and gives the outputs' shapes and dtypes. */
  readonly outputs: Primitive<P>['outputs'];
  /** Derivative rules for backends that have a kernel of this name; without one the decomposition is differentiated. */
  readonly jvp?: NonNullable<Primitive<P>['jvp']>;
  readonly vjp?: NonNullable<Primitive<P>['vjp']>;
}

/** A fused operation; `decompose` is the same computation in smaller operations, and the oracle of every kernel. */
export interface Fused<P> {
  (inputs: readonly Tensor[], params: P): Tensor[];
  readonly fusedName: string;
  readonly decompose: (inputs: readonly Tensor[], params: P) => Tensor[];
}

/**
 * Defines an operation that a backend may supply a kernel for, in `backend.fused[name]`. Where there is none, or the kernel
 * declines, or a derivative has no rule, `decompose` runs: so a kernel can make things faster, never change what is possible.
 *
 * @example
 * ```ts
 * import { add, defineFused, mul, tensor } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 *
 * const multiplyAdd = defineFused<null>('multiplyAdd', ([a, b, c]) => [add(mul(a!, b!), c!)], { outputs: ([a]) => [a!] });
 * const backend = createReferenceBackend();
 * const x = tensor([1, 2], { backend });
 * console.log(multiplyAdd([x, x, x], null)[0]!.dataSync()); // [2, 6]
 * ```
 */
export function defineFused<P>(
  name: string,
  decompose: (inputs: readonly Tensor[], params: P) => Tensor[],
  rules: FusedRules<P>,
): Fused<P> {
  const primitive: Primitive<P> = {
    name,
    decompose,
    ...rules,
    kernel: (backend, inputs, params, outputs) => backend.fused?.[name]?.(inputs, params, outputs),
  };
  return Object.assign((inputs: readonly Tensor[], params: P) => bind(primitive, inputs, params), {
    fusedName: name,
    decompose,
  });
}
