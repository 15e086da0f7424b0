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
  const [leaves, names]: [Tensor[], string[]] = [[], []];
  match(tree, tree, name, leaves, names);
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

/** Collects the leaves of `actual`, in the order of `expected`, and their paths. */
function match(expected: Tree, actual: unknown, path: string, leaves: Tensor[], names: string[] = []): void {
  if (expected instanceof Tensor) {
    if (!(actual instanceof Tensor)) throw misfit(path, 'is not a tensor');
    if (!shapesEqual(actual.shape, expected.shape)) {
      throw misfit(path, `has shape [${actual.shape}], the state has [${expected.shape}]`);
    }
    if (actual.dtype !== expected.dtype) {
      throw new DTypeError('ode', `${path} is ${actual.dtype}, the state is ${expected.dtype}`, 'cast it');
    }
    leaves.push(actual);
    names.push(path);
    return;
  }
  // A string has parts without end.
  if (Object(expected) !== expected) throw misfit(path, 'is not a tensor');
  const keys = Object.keys(expected);
  const own = actual instanceof Tensor ? [] : Object.keys(actual ?? {});
  if (own.length !== keys.length) throw misfit(path, `has the keys (${own}), the state has (${keys})`);
  for (const key of keys) {
    const part = (actual as Readonly<Record<string, unknown>>)[key];
    match((expected as Readonly<Record<string, Tree>>)[key]!, part, `${path}.${key}`, leaves, names);
  }
}

function misfit(what: string, problem: string): ShapeError {
  return new ShapeError('ode', `${what} ${problem}`, 'give it the structure, shapes and dtypes of the state');
}
