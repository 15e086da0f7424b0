import { flattenTree, Tensor, type Tree } from '@sparseflow/tensor';
import type { OptimizerState } from './optimizer.ts';

/** The tensors in anything made of arrays, plain records and numbers; the numbers are passed over. @internal */
export function tensorsIn(tree: unknown): Set<Tensor> {
  return new Set(flattenTree(tree as Tree));
}

/** Disposes the tensors of `tree` that are in none of `kept`. @internal */
export function release(tree: unknown, ...kept: readonly unknown[]): void {
  const spared = tensorsIn(kept);
  for (const x of tensorsIn(tree)) if (!spared.has(x)) x.dispose();
}

/**
 * Disposes the tensors of an optimiser's state.
 *
 * @example
 * ```ts
 * import { adam, disposeState } from '@sparseflow/optim';
 * import { tensor } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 *
 * const backend = createReferenceBackend();
 * const state = adam().init({ w: tensor([1, 2], { backend }) });
 * disposeState(state);
 * console.log(backend.liveBuffers()); // 1: w
 * ```
 */
export function disposeState(state: OptimizerState): void {
  release(state);
}

/** A state without its tensors, which '@' stands for. @internal */
export type StateShape = number | '@' | readonly StateShape[] | { readonly [name: string]: StateShape };

/** Takes a state apart: its structure, and its tensors by path, steps joined by '/' and escaped as in JSON pointers (RFC 6901). @internal */
export function splitState(state: OptimizerState): { shape: StateShape; tensors: [string, Tensor][] } {
  const tensors: [string, Tensor][] = [];
  const visit = (node: OptimizerState, path: string): StateShape => {
    if (typeof node === 'number') return node;
    if (node instanceof Tensor) {
      tensors.push([path, node]);
      return '@';
    }
    if (isArray(node)) return node.map((child, i) => visit(child, join(path, String(i))));
    return Object.fromEntries(Object.entries(node).map(([name, child]) => [name, visit(child, join(path, name))]));
  };
  return { shape: visit(state, ''), tensors };
}

/** The inverse of {@link splitState}; `find` throws where there is no tensor at a path. @internal */
export function joinState(shape: StateShape, find: (path: string) => Tensor): OptimizerState {
  const visit = (node: StateShape, path: string): OptimizerState => {
    if (node === '@') return find(path);
    if (typeof node === 'number') return node;
    if (isArray(node)) return node.map((child, i) => visit(child, join(path, String(i))));
    return Object.fromEntries(Object.entries(node).map(([name, child]) => [name, visit(child, join(path, name))]));
  };
  return visit(shape, '');
}

function join(path: string, step: string): string {
  const escaped = step.replaceAll('~', '~0').replaceAll('/', '~1');
  return path === '' ? escaped : `${path}/${escaped}`;
}

function isArray<T>(node: T | readonly T[]): node is readonly T[] {
  return Array.isArray(node);
}
