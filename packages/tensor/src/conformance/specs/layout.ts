import * as ops from '../../index.ts';
import type { Shape } from '../../index.ts';
import { fixed, integers } from '../random.ts';
import { float, index } from '../spec.ts';
import type { OpSpec } from '../spec.ts';

const reshapes: readonly [Shape, Shape][] = [[[3, 5], [5, 3]], [[6], [1, 2, 3]], [[1, 1], []], [[2, 3], [-1]], [[0, 3], [3, 0]]]; // prettier-ignore

const permutations: readonly [Shape, readonly number[]][] = [
  [[3, 5], [1, 0]],
  [[2, 3, 5], [2, 0, 1]],
  [[2, 3, 5], [1, 2, 0]],
  [[2, 3, 5], [0, 2, 1]],
  [[2, 1, 3, 5], [3, 1, 0, 2]],
  [[0, 3], [1, 0]],
]; // prettier-ignore

const broadcasts: readonly [Shape, Shape][] = [[[5], [3, 5]], [[3, 1], [3, 5]], [[], [7]], [[2, 1, 3], [4, 2, 5, 3]], [[1], [0]]]; // prettier-ignore

const slices: readonly [Shape, readonly number[], Shape][] = [
  [[5, 7], [1, 2], [3, 4]],
  [[5, 7], [4, 0], [1, 7]],
  [[2, 5, 3], [0, 1, 1], [2, 3, 1]],
  [[5], [2], [0]],
  [[0, 3], [0, 1], [0, 2]],
]; // prettier-ignore

const paddings: readonly [Shape, readonly (readonly [number, number])[]][] = [
  [[3, 5], [[1, 2], [0, 3]]],
  [[7], [[0, 1]]],
  [[2, 3, 1], [[0, 0], [1, 1], [2, 0]]],
  [[0, 3], [[1, 0], [0, 1]]],
]; // prettier-ignore

const concats: readonly [readonly Shape[], number][] = [
  [[[3, 5], [1, 5], [2, 5]], 0],
  [[[3, 1], [3, 5], [3, 2]], 1],
  [[[2, 1, 3], [2, 4, 3]], -2],
  [[[0, 3], [2, 3]], 0],
  [[[0, 3], [0, 1]], 1],
]; // prettier-ignore

const gathers: readonly [Shape, number, readonly number[]][] = [
  [[5, 3], 0, [4, 0, 0, 2, 4, 4, 1]],
  [[3, 5], 1, [1, 1, 3]],
  [[2, 3, 5], 1, [2, 0, 2, 1]],
  [[7], 0, [6]],
  [[5, 3], 0, []],
  [[3, 0], 0, [1, 1]],
];

const atFirst = (i: number): 3 | 1 => (i === 0 ? 3 : 1);

export const layoutSpecs: readonly OpSpec[] = [
  ...reshapes.map(([from, to], i): OpSpec => ({
    op: 'reshape',
    variant: `[${from}] to [${to}]`,
    inputs: [float(from)],
    f: (x) => ops.reshape(x, to),
    order: atFirst(i),
  })),
  { op: 'expandDims', variant: '[3,5] at 1', inputs: [float([3, 5])], f: (x) => ops.expandDims(x, 1), order: 1 },
  { op: 'squeeze', variant: '[3,1,5,1]', inputs: [float([3, 1, 5, 1])], f: (x) => ops.squeeze(x), order: 1 },
  ...permutations.map(([shape, permutation], i): OpSpec => ({
    op: 'transpose',
    variant: `[${shape}] by [${permutation}]`,
    inputs: [float(shape)],
    f: (x) => ops.transpose(x, permutation),
    order: atFirst(i),
  })),
  ...broadcasts.map(([from, to], i): OpSpec => ({
    op: 'broadcastTo',
    variant: `[${from}] to [${to}]`,
    inputs: [float(from)],
    f: (x) => ops.broadcastTo(x, to),
    order: atFirst(i),
  })),
  ...slices.map(([shape, begin, size], i): OpSpec => ({
    op: 'slice',
    variant: `[${shape}] at [${begin}] of [${size}]`,
    inputs: [float(shape)],
    f: (x) => ops.slice(x, begin, size),
    order: atFirst(i),
  })),
  ...paddings.map(([shape, padding], i): OpSpec => ({
    op: 'pad',
    variant: `[${shape}] by ${padding.map(([before, after]) => `${before}+${after}`).join(', ')}`,
    inputs: [float(shape)],
    f: (x) => ops.pad(x, padding),
    order: atFirst(i),
  })),
  ...concats.map(([shapes, axis], i): OpSpec => ({
    op: 'concat',
    variant: `${shapes.map((shape) => `[${shape}]`).join(' ')} along ${axis}`,
    inputs: shapes.map((shape) => float(shape)),
    f: (...xs) => ops.concat(xs, axis),
    order: atFirst(i),
  })),
  ...[0, 1, 2].map((axis): OpSpec => ({
    op: 'stack',
    variant: `two [3,5] at ${axis}`,
    inputs: [float([3, 5]), float([3, 5])],
    f: (...xs) => ops.stack(xs, axis),
    order: 1,
  })),
  {
    op: 'split',
    variant: '[3,7] into 1, 4, 2',
    inputs: [float([3, 7])],
    f: (x) => ops.split(x, [1, 4, 2], 1),
    order: 3,
  },
  ...gathers.map(([shape, axis, rows], i): OpSpec => ({
    op: 'gather',
    variant: `[${shape}] at [${rows}] along ${axis}`,
    inputs: [float(shape), index([rows.length], fixed(...rows))],
    f: (x, at) => ops.gather(x, at, axis),
    order: atFirst(i),
  })),
  ...gathers.map(([shape, axis, rows], i): OpSpec => ({
    op: 'scatterAdd',
    variant: `at [${rows}] along ${axis} into [${shape}]`,
    inputs: [float(shape.with(axis, rows.length)), index([rows.length], fixed(...rows))],
    f: (x, at) => ops.scatterAdd(x, at, axis, shape[axis]!),
    order: atFirst(i),
  })),
  {
    op: 'scatterAdd',
    variant: '101 updates on 7 rows',
    inputs: [float([101, 3]), index([101], integers(7))],
    f: (x, at) => ops.scatterAdd(x, at, 0, 7),
    order: 1,
    condition: 4,
  },
];
