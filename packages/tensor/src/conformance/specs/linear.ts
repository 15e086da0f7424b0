import * as ops from '../../index.ts';
import type { Conv2dOptions, Shape } from '../../index.ts';
import { float } from '../spec.ts';
import type { OpSpec, Order } from '../spec.ts';

const swap = (shape: Shape, flag: boolean): Shape =>
  flag ? [...shape.slice(0, -2), shape.at(-1)!, shape.at(-2)!] : shape;

const flags = [false, true].flatMap((transposeA) => [false, true].map((transposeB) => ({ transposeA, transposeB })));

/** Shapes of a and b before transposition, and the highest derivative that is asked for. */
const products: readonly [Shape, Shape, Order][] = [
  [[3, 5], [5, 7], 3],
  [[1, 1], [1, 1], 1],
  [[1, 7], [7, 1], 1],
  [[2, 3, 5], [2, 5, 7], 2],
  [[2, 1, 3, 5], [3, 5, 1], 1],
  [[2, 3, 5], [5, 7], 2],
  [[3, 5], [2, 5, 7], 1],
  [[0, 5], [5, 3], 1],
  [[0, 3, 5], [5, 7], 1],
  [[3, 0], [0, 7], 1],
  [[2, 3, 0], [0, 7], 1],
  [[33, 17], [17, 65], 1],
]; // prettier-ignore

interface Convolution {
  readonly variant: string;
  readonly input: Shape;
  readonly filter: Shape;
  readonly options: Conv2dOptions;
  readonly order: Order;
}

const convolutions: readonly Convolution[] = [
  { variant: 'stride 1, no padding', input: [2, 5, 4, 2], filter: [3, 2, 2, 3], options: {}, order: 3 },
  { variant: "stride 1, 'same'", input: [1, 5, 5, 2], filter: [3, 3, 2, 1], options: { padding: 'same' }, order: 2 },
  { variant: "stride 2, 'same', even kernel", input: [1, 5, 6, 1], filter: [2, 2, 1, 3], options: { strides: 2, padding: 'same' }, order: 2 },
  { variant: 'strides [2,1], uneven padding', input: [2, 5, 4, 1], filter: [2, 3, 1, 2], options: { strides: [2, 1], padding: [[1, 0], [0, 2]] }, order: 3 },
  { variant: 'stride 3 that leaves a rest', input: [1, 8, 8, 1], filter: [2, 2, 1, 1], options: { strides: 3 }, order: 2 },
  { variant: '1×1 kernel', input: [2, 3, 3, 3], filter: [1, 1, 3, 2], options: {}, order: 1 },
  { variant: 'kernel as large as the image', input: [2, 3, 4, 2], filter: [3, 4, 2, 2], options: {}, order: 1 },
  { variant: 'empty batch', input: [0, 4, 4, 2], filter: [3, 3, 2, 2], options: { padding: 1 }, order: 1 },
]; // prettier-ignore

/** The shape that conv2d gives. */
function outputShape({ input, filter, options }: Convolution): Shape {
  const sizes = [0, 1].map((axis) => {
    const { strides = 1, padding = 0 } = options;
    const stride = typeof strides === 'number' ? strides : strides[axis]!;
    const size = input[axis + 1]!;
    if (padding === 'same') return Math.ceil(size / stride);
    const [before, after] = typeof padding === 'number' ? [padding, padding] : padding[axis]!;
    return Math.floor((size + before + after - filter[axis]!) / stride) + 1;
  });
  return [input[0]!, ...sizes, filter[3]!];
}

export const linearSpecs: readonly OpSpec[] = [
  ...products.flatMap(([a, b, order]) =>
    flags.map((flag): OpSpec => ({
      op: 'matMul',
      variant: `[${a}]${flag.transposeA ? 'ᵀ' : ''} × [${b}]${flag.transposeB ? 'ᵀ' : ''}`,
      inputs: [float(swap(a, flag.transposeA)), float(swap(b, flag.transposeB))],
      f: (x, y) => ops.matMul(x, y, flag),
      order,
    })),
  ),
  ...convolutions.map(({ variant, input, filter, options, order }): OpSpec => ({
    op: 'conv2d',
    variant,
    inputs: [float(input), float(filter)],
    f: (x, w) => ops.conv2d(x, w, options),
    order,
  })),
  ...convolutions.map((convolution): OpSpec => ({
    op: 'conv2dTranspose',
    variant: convolution.variant,
    inputs: [float(outputShape(convolution)), float(convolution.filter)],
    f: (y, w) => ops.conv2dTranspose(y, w, [convolution.input[1]!, convolution.input[2]!], convolution.options),
    order: Math.min(convolution.order, 2) as Order,
  })),
  { op: 'dot', variant: '[3,5] · [3,5]', inputs: [float([3, 5]), float([3, 5])], f: ops.dot, order: 2 },
];
