import type { Tensor } from './tensor.ts';

/**
 * Tensors created while a collector is current belong to it. The stack of collectors follows the call stack (scopes are
 * synchronous), so it cannot leak between callers.
 */
let collector: Tensor[] | undefined;
/** Recordings under way. While there is one, nothing is freed: its tape may hold any value. */
let recordings = 0;

/** Hands a new tensor to the innermost scope. @internal */
export function register(x: Tensor): Tensor {
  collector?.push(x);
  return x;
}

/** True when the tensor must outlive the recording under way; its scope frees it afterwards. @internal */
export function deferDisposal(x: Tensor): boolean {
  if (recordings === 0) return false;
  collector?.push(x);
  return true;
}

/**
 * Runs `fn` and frees every tensor created inside that is not part of what it returns (a tensor, or arrays and plain objects
 * that hold tensors at any depth). Also when it throws. What is returned belongs to the enclosing scope, or to the caller when
 * there is none. `fn` must be synchronous.
 *
 * @example
 * ```ts
 * import { add, mul, scope, tensor } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 *
 * const backend = createReferenceBackend();
 * const x = tensor([1, 2, 3], { backend });
 * const y = scope(() => add(mul(x, x), 1)); // the product is freed, the sum is not
 * console.log(y.dataSync(), backend.liveBuffers()); // [2, 5, 10], 2
 * ```
 */
export function scope<T>(fn: () => T): T {
  const parent = collector;
  const own: Tensor[] = [];
  collector = own;
  let result: T;
  try {
    result = fn();
  } catch (error) {
    collector = parent;
    release(own, undefined);
    throw error;
  }
  collector = parent;
  const kept = new Set<Tensor>();
  visitConcrete(result, kept);
  release(own, kept);
  return result;
}

/** Takes a tensor out of every scope: only `dispose` frees it. */
export function keep(x: Tensor): Tensor {
  visitConcrete(x, { add: (t: Tensor) => (t.kept = true) });
  return x;
}

/**
 * Runs `fn` as the forward pass of a differentiation. Everything it creates is returned as `owned`, to be disposed when the
 * derivative is no longer needed; the enclosing scope, if any, will do so at the latest.
 * @internal
 */
export function record<T>(fn: () => T): { value: T; owned: Tensor[] } {
  const parent = collector;
  const owned: Tensor[] = [];
  collector = owned;
  recordings++;
  let value: T;
  try {
    value = fn();
  } catch (error) {
    recordings--;
    collector = parent;
    release(owned, undefined);
    throw error;
  }
  recordings--;
  collector = parent;
  if (parent) for (const x of owned) parent.push(x);
  return { value, owned };
}

function release(own: readonly Tensor[], kept: ReadonlySet<Tensor> | undefined): void {
  for (const x of own) {
    if (x.kept) continue;
    if (recordings > 0 || kept?.has(x)) collector?.push(x);
    else x.dispose();
  }
}

/** Adds every tensor with a buffer that is reachable from a result, looking through traces. */
function visitConcrete(node: unknown, into: { add(x: Tensor): unknown }): void {
  if (node === null || typeof node !== 'object') return;
  if (isTensor(node)) {
    if (!node.box) into.add(node);
    else {
      visitConcrete(node.box.primal, into);
      visitConcrete(node.box.tangent, into);
    }
  } else if (Array.isArray(node)) for (const child of node) visitConcrete(child, into);
  else if (Object.getPrototypeOf(node) === Object.prototype)
    for (const child of Object.values(node)) visitConcrete(child, into);
}

// Not `instanceof`: tensor.ts imports this module.
function isTensor(node: object): node is Tensor {
  return 'box' in node && 'backend' in node && 'dispose' in node;
}
