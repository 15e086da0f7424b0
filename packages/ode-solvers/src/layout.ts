import { DTypeError, mapTree, ShapeError, shapesEqual, Tensor, type Tree } from '@sparseflow/tensor';

/** The structure of a tree: takes trees of the same structure apart, and puts leaves together again. */
export interface Layout<Y extends Tree> {
  readonly leaves: readonly Tensor[];
  /** The path of each leaf, such as `y.position`. */
  readonly names: readonly string[];
  /** The leaves in this layout's order, whatever the order of a record's keys. `what` names the tree in errors. */
  flatten(tree: Y, what: string): Tensor[];
  unflatten(leaves: readonly Tensor[]): Y;
}

/** The layout of `tree`, whose leaves are called `name` and their path. */
export function layoutOf<Y extends Tree>(tree: Y, name: string): Layout<Y> {
  const leaves: Tensor[] = [];
  const names: string[] = [];
  const collect = (node: Tree, path: string): void => {
    if (node instanceof Tensor) {
      leaves.push(node);
      names.push(path);
    } else for (const [key, child] of Object.entries(node)) collect(child, `${path}.${key}`);
  };
  collect(tree, name);
  return {
    leaves,
    names,
    flatten(other, what) {
      const into: Tensor[] = [];
      match(tree, other, what, into);
      return into;
    },
    unflatten: (parts) => mapTree(tree, (_, i) => parts[i]!),
  };
}

/**
 * The layout of a state that is to be solved for.
 * @throws {ShapeError} when it holds no tensor
 * @throws {DTypeError} when a part of it is an integer
 */
export function stateLayout<Y extends Tree>(y0: Y, where: string): Layout<Y> {
  const layout = layoutOf(y0, 'y');
  const { leaves, names } = layout;
  if (leaves.length === 0)
    throw new ShapeError(where, 'the state holds no tensor', 'give a tensor or a tree of tensors');
  const integer = leaves.findIndex((leaf) => leaf.dtype === 'int32');
  if (integer >= 0) throw new DTypeError(where, `${names[integer]} is int32`, 'cast the state to a floating type');
  return layout;
}

function match(expected: Tree, actual: unknown, what: string, into: Tensor[]): void {
  if (expected instanceof Tensor) {
    if (!(actual instanceof Tensor)) throw misfit(what, 'is not a tensor');
    if (!shapesEqual(actual.shape, expected.shape)) {
      throw misfit(what, `has shape [${actual.shape}], the state has [${expected.shape}]`);
    }
    if (actual.dtype !== expected.dtype) {
      throw new DTypeError('ode', `${what} is ${actual.dtype}, the state is ${expected.dtype}`, 'cast it');
    }
    into.push(actual);
    return;
  }
  const keys = Object.keys(expected);
  const own = actual instanceof Tensor ? [] : Object.keys(actual ?? {});
  if (own.length !== keys.length) throw misfit(what, `has the keys (${own}), the state has (${keys})`);
  for (const key of keys) {
    match(
      (expected as Readonly<Record<string, Tree>>)[key]!,
      (actual as Readonly<Record<string, unknown>>)[key],
      `${what}.${key}`,
      into,
    );
  }
}

function misfit(what: string, problem: string): ShapeError {
  return new ShapeError('ode', `${what} ${problem}`, 'give it the structure, shapes and dtypes of the state');
}
