import { DTypeError, ShapeError } from '../errors.ts';
import { shapesEqual } from '../shape.ts';
import { flattenTree, type Tree } from '../tree.ts';

/** Throws unless two trees have as many leaves, of equal shapes and dtypes. */
export function checkMatches(where: string, what: string, actual: Tree, expected: Tree): void {
  const a = flattenTree(actual);
  const b = flattenTree(expected);
  if (a.length !== b.length) {
    throw new ShapeError(
      where,
      `the ${what} has ${a.length} tensors where ${b.length} are expected`,
      `give the ${what} the structure of the value it belongs to`,
    );
  }
  a.forEach((x, i) => {
    const y = b[i]!;
    if (!shapesEqual(x.shape, y.shape)) {
      throw new ShapeError(
        where,
        `tensor ${i} of the ${what} has shape [${x.shape}], expected [${y.shape}]`,
        `give the ${what} the shapes of the value it belongs to`,
      );
    }
    if (x.dtype !== y.dtype) {
      throw new DTypeError(where, `tensor ${i} of the ${what} is ${x.dtype}, expected ${y.dtype}`, 'cast it');
    }
  });
}
