import { Tensor } from './tensor.ts';

/** A tensor, or arrays and plain records of trees. Parameters, states, gradients and optimiser states are trees. */
export type Tree = Tensor | readonly Tree[] | { readonly [key: string]: Tree };

/** The leaves in order: array elements by index, record entries by insertion. */
export function flattenTree(tree: Tree): Tensor[] {
  const leaves: Tensor[] = [];
  collect(tree, leaves);
  return leaves;
}

function collect(tree: unknown, into: Tensor[]): void {
  if (tree instanceof Tensor) into.push(tree);
  else if (Array.isArray(tree)) for (const child of tree) collect(child, into);
  else if (tree !== null && typeof tree === 'object') for (const child of Object.values(tree)) collect(child, into);
}

/** Replaces every leaf; the structure stays. */
export function mapTree<T extends Tree>(tree: T, f: (leaf: Tensor, index: number) => Tensor): T {
  let index = 0;
  const visit = (node: Tree): Tree => {
    if (node instanceof Tensor) return f(node, index++);
    if (isArray(node)) return node.map(visit);
    return Object.fromEntries(Object.entries(node).map(([key, child]) => [key, visit(child)]));
  };
  return visit(tree) as T;
}

/** Disposes every leaf. */
export function disposeTree(tree: Tree): void {
  for (const leaf of flattenTree(tree)) leaf.dispose();
}

function isArray(node: Tree): node is readonly Tree[] {
  return Array.isArray(node);
}
