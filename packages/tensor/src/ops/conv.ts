import type { ConvSpec } from '../backend.ts';
import { DTypeError, ShapeError } from '../errors.ts';
import { bind, type Evaluation, type Maybe, type Primitive } from '../primitive.ts';
import type { Shape } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { add } from './binary.ts';

/**
 * Convolution is one trilinear form ⟨dy, conv(x, w)⟩, read three ways. Each way is linear in two operands, and its partial
 * derivatives are the other two ways: so three primitives are closed under differentiation of any order.
 */
interface Geometry extends ConvSpec {
  readonly input: Shape; // [n, h, w, c]
  readonly filter: Shape; // [kh, kw, c, o]
  readonly output: Shape; // [n, oh, ow, o]
}

type Bilinear = (a: Tensor, b: Tensor, g: Geometry) => Tensor;

function jvpOf(apply: Bilinear) {
  return ([ta, tb]: readonly Maybe[], { inputs: [a, b], params }: Evaluation<Geometry>): Maybe[] => {
    const fromA = ta ? apply(ta, b!, params) : null;
    const fromB = tb ? apply(a!, tb, params) : null;
    return [fromA && fromB ? add(fromA, fromB) : (fromA ?? fromB)];
  };
}

const forwardPrimitive: Primitive<Geometry> = {
  name: 'conv2d',
  outputs: ([x], g) => [{ shape: g.output, dtype: x!.dtype }],
  kernel: (backend, [x, w], g) => [backend.conv2d(x!, w!, g, g.output)],
  jvp: jvpOf((x, w, g) => forward(x, w, g)),
  vjp: ([dy], { inputs: [x, w], params: g }, needed) => [
    dy && needed[0] ? inputAdjoint(dy, w!, g) : null,
    dy && needed[1] ? filterAdjoint(x!, dy, g) : null,
  ],
};

const inputPrimitive: Primitive<Geometry> = {
  name: 'conv2dInput',
  outputs: ([dy], g) => [{ shape: g.input, dtype: dy!.dtype }],
  kernel: (backend, [dy, w], g) => [backend.conv2dInput(dy!, w!, g, g.input)],
  jvp: jvpOf((dy, w, g) => inputAdjoint(dy, w, g)),
  vjp: ([ct], { inputs: [dy, w], params: g }, needed) => [
    ct && needed[0] ? forward(ct, w!, g) : null,
    ct && needed[1] ? filterAdjoint(ct, dy!, g) : null,
  ],
};

const filterPrimitive: Primitive<Geometry> = {
  name: 'conv2dFilter',
  outputs: ([x], g) => [{ shape: g.filter, dtype: x!.dtype }],
  kernel: (backend, [x, dy], g) => [backend.conv2dFilter(x!, dy!, g, g.filter)],
  jvp: jvpOf((x, dy, g) => filterAdjoint(x, dy, g)),
  vjp: ([ct], { inputs: [x, dy], params: g }, needed) => [
    ct && needed[0] ? inputAdjoint(dy!, ct, g) : null,
    ct && needed[1] ? forward(x!, ct, g) : null,
  ],
};

const forward: Bilinear = (x, w, g) => bind(forwardPrimitive, [x, w], g)[0]!;
const inputAdjoint: Bilinear = (dy, w, g) => bind(inputPrimitive, [dy, w], g)[0]!;
const filterAdjoint: Bilinear = (x, dy, g) => bind(filterPrimitive, [x, dy], g)[0]!;

export interface Conv2dOptions {
  readonly strides?: number | readonly [number, number];
  /** Zeros on each side: a number, [[top, bottom], [left, right]], or 'same' (output = ceil(input / stride)). Default 0. */
  readonly padding?: number | 'same' | ConvSpec['padding'];
}

/**
 * Two-dimensional cross-correlation: input [n, h, w, c], filter [kh, kw, c, o] → [n, oh, ow, o].
 *
 * @throws {ShapeError} when ranks or channels do not fit or the filter is larger than the padded input
 * @throws {DTypeError} when the operands' dtypes differ
 */
export function conv2d(input: Tensor, filter: Tensor, options: Conv2dOptions = {}): Tensor {
  checkOperands('conv2d', input, filter);
  if (input.shape[3] !== filter.shape[2]) {
    throw new ShapeError(
      'conv2d',
      `input has ${input.shape[3]} channels, the filter takes ${filter.shape[2]}`,
      'make the last axis of the input equal axis 2 of the filter',
    );
  }
  const spec = resolve(options, [input.shape[1]!, input.shape[2]!], filter.shape);
  const extent = (axis: 0 | 1): number => {
    const [before, after] = spec.padding[axis];
    return Math.floor((input.shape[axis + 1]! + before + after - filter.shape[axis]!) / spec.strides[axis]) + 1;
  };
  const [oh, ow] = [extent(0), extent(1)];
  if (oh < 1 || ow < 1) {
    throw new ShapeError(
      'conv2d',
      `filter [${filter.shape}] is larger than the padded input [${input.shape}]`,
      'pad more or use a smaller filter',
    );
  }
  return forward(input, filter, {
    ...spec,
    input: input.shape,
    filter: filter.shape,
    output: [input.shape[0]!, oh, ow, filter.shape[3]!],
  });
}

/**
 * The adjoint of `conv2d` in its input (also called transposed convolution): y [n, oh, ow, o], filter [kh, kw, c, o] →
 * `inputSize` [h, w] gives [n, h, w, c].
 *
 * @throws {ShapeError} when `inputSize` does not lead to y's size under these options
 */
export function conv2dTranspose(
  y: Tensor,
  filter: Tensor,
  inputSize: readonly [number, number],
  options: Conv2dOptions = {},
): Tensor {
  checkOperands('conv2dTranspose', y, filter);
  const spec = resolve(options, inputSize, filter.shape);
  const fits = ([0, 1] as const).every((axis) => {
    const padded = inputSize[axis] + spec.padding[axis][0] + spec.padding[axis][1];
    return Math.floor((padded - filter.shape[axis]!) / spec.strides[axis]) + 1 === y.shape[axis + 1];
  });
  if (!fits || y.shape[3] !== filter.shape[3]) {
    throw new ShapeError(
      'conv2dTranspose',
      `[${y.shape}] is not what conv2d of size [${inputSize}] with filter [${filter.shape}] gives`,
      'choose inputSize, strides and padding so that conv2d would give y',
    );
  }
  return inputAdjoint(y, filter, {
    ...spec,
    input: [y.shape[0]!, ...inputSize, filter.shape[2]!],
    filter: filter.shape,
    output: y.shape,
  });
}

function checkOperands(op: string, x: Tensor, filter: Tensor): void {
  if (x.rank !== 4 || filter.rank !== 4) {
    throw new ShapeError(
      op,
      `operands have shapes [${x.shape}] and [${filter.shape}]`,
      'give both four axes: [n, h, w, c] and [kh, kw, c, o]',
    );
  }
  if (x.dtype !== filter.dtype)
    throw new DTypeError(op, `operands are ${x.dtype} and ${filter.dtype}`, 'cast one of them with cast(x, dtype)');
}

function resolve(options: Conv2dOptions, size: readonly [number, number], filter: Shape): ConvSpec {
  const { strides: s = 1, padding: p = 0 } = options;
  const strides = typeof s === 'number' ? ([s, s] as const) : s;
  if (typeof p === 'number')
    return {
      strides,
      padding: [
        [p, p],
        [p, p],
      ],
    };
  if (p !== 'same') return { strides, padding: p };
  const same = (axis: 0 | 1): [number, number] => {
    const total = Math.max(0, (Math.ceil(size[axis] / strides[axis]) - 1) * strides[axis] + filter[axis]! - size[axis]);
    return [Math.floor(total / 2), Math.ceil(total / 2)];
  };
  return { strides, padding: [same(0), same(1)] };
}
