import { describe, expect, it } from 'vitest';
import { cast, type Tensor } from '@sparseflow/tensor';
import { at } from '../test/problems.ts';
import { layoutOf } from './layout.ts';

const state = () => ({ x: at([1, 2]), parts: [at(3), at([4])] });

describe('layoutOf', () => {
  it('names leaves by their path and puts them back', () => {
    const tree = state();
    const layout = layoutOf(tree, 'y');
    expect(layout.names).toEqual(['y.x', 'y.parts.0', 'y.parts.1']);
    expect(layout.unflatten(layout.leaves)).toEqual(tree);
    expect(layoutOf(tree.x, 'y').unflatten([tree.x])).toBe(tree.x);
  });

  it('takes records apart by key, whatever their order', () => {
    const layout = layoutOf({ a: at(1), b: at(2) }, 'y');
    const other = { b: at(20), a: at(10) };
    expect(layout.flatten(other, 'f')).toEqual([other.a, other.b]);
  });

  it('says where another tree differs', () => {
    const layout = layoutOf(state(), 'y');
    const flatten = (tree: unknown) => () => layout.flatten(tree as ReturnType<typeof state>, 'f');
    expect(flatten({ ...state(), x: at([1, 2, 3]) })).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: ode: f.x has shape [3], the state has [2]. To fix: give it the structure, shapes and dtypes of the state.]`,
    );
    expect(flatten({ x: at([1, 2]) })).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: ode: f has the keys (x), the state has (x,parts). To fix: give it the structure, shapes and dtypes of the state.]`,
    );
    expect(flatten({ x: at([1, 2]), parts: [at(1)] })).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: ode: f.parts has the keys (0), the state has (0,1). To fix: give it the structure, shapes and dtypes of the state.]`,
    );
    expect(flatten({ x: [1, 2], parts: [at(3), at([4])] })).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: ode: f.x is not a tensor. To fix: give it the structure, shapes and dtypes of the state.]`,
    );
    expect(flatten(undefined)).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: ode: f has the keys (), the state has (x,parts). To fix: give it the structure, shapes and dtypes of the state.]`,
    );
    const float32: Tensor = cast(at([1, 2]), 'float32');
    expect(flatten({ ...state(), x: float32 })).toThrowErrorMatchingInlineSnapshot(
      `[DTypeError: ode: f.x is float32, the state is float64. To fix: cast it.]`,
    );
  });
});
