import { shapesEqual } from '@sparseflow/tensor';
import type { BinaryOp, Shape, UnaryOp } from '@sparseflow/tensor';
import { hostOutput, hostValues, type HostArray } from './host.ts';
import { broadcastTo } from './kernels/layout.ts';
import type { Info, Runtime } from './runtime.ts';
import { sizeBetween } from './shapes.ts';

// Loops in JavaScript over memory that a tfjs backend owns. Each has a body of its own: a call per element would cost more than
// the operation. They choose by arithmetic, not by branches, since a mispredicted branch costs ten times as much as the rest.

type UnaryLoop = (x: HostArray, out: HostArray) => void;
type BinaryLoop = (a: HostArray, b: HostArray, out: HostArray) => void;

const unaryLoops = {
  sign: (x, out) => {
    for (let i = 0; i < x.length; i++) out[i] = Math.sign(x[i]!);
  },
  step: (x, out) => {
    for (let i = 0; i < x.length; i++) out[i] = Number(x[i]! > 0);
  },
  log1p: (x, out) => {
    for (let i = 0; i < x.length; i++) out[i] = Math.log1p(x[i]!);
  },
  sin: (x, out) => {
    for (let i = 0; i < x.length; i++) out[i] = Math.sin(x[i]!);
  },
  cos: (x, out) => {
    for (let i = 0; i < x.length; i++) out[i] = Math.cos(x[i]!);
  },
} satisfies Partial<Record<UnaryOp, UnaryLoop>>;

const binaryLoops = {
  pow: (a, b, out) => {
    for (let i = 0; i < out.length; i++) out[i] = Math.pow(a[i]!, b[i]!);
  },
  maximum: (a, b, out) => {
    const [x, y, z] = [bitsOf(a), bitsOf(b), bitsOf(out)];
    for (let i = 0; i < z.length; i++) {
      const takeB = -(Number(a[i]! < b[i]!) | Number(b[i] !== b[i]));
      z[i] = (y[i]! & takeB) | (x[i]! & ~takeB);
    }
  },
  minimum: (a, b, out) => {
    const [x, y, z] = [bitsOf(a), bitsOf(b), bitsOf(out)];
    for (let i = 0; i < z.length; i++) {
      const takeB = -(Number(a[i]! > b[i]!) | Number(b[i] !== b[i]));
      z[i] = (y[i]! & takeB) | (x[i]! & ~takeB);
    }
  },
  equal: (a, b, out) => {
    for (let i = 0; i < out.length; i++) out[i] = Number(a[i] === b[i]);
  },
  less: (a, b, out) => {
    for (let i = 0; i < out.length; i++) out[i] = Number(a[i]! < b[i]!);
  },
  lessEqual: (a, b, out) => {
    for (let i = 0; i < out.length; i++) out[i] = Number(a[i]! <= b[i]!);
  },
} satisfies Partial<Record<BinaryOp, BinaryLoop>>;

/** The same memory as bit patterns: 4-byte elements can be chosen among by masks. */
function bitsOf(x: HostArray): Int32Array {
  return x instanceof Int32Array ? x : new Int32Array(x.buffer, x.byteOffset, x.length);
}

type Dense = 'float32' | 'int32';

export function unaryOnHost(op: keyof typeof unaryLoops): (rt: Runtime, x: Info) => Info {
  const loop = unaryLoops[op];
  return (rt, x) => {
    const out = hostOutput(rt, x.shape, x.dtype as Dense);
    loop(hostValues(rt, x), hostValues(rt, out));
    return out;
  };
}

export function binaryOnHost(op: keyof typeof binaryLoops): (rt: Runtime, a: Info, b: Info, outShape: Shape) => Info {
  const loop = binaryLoops[op];
  return (rt, a, b, outShape) => {
    const [left, right] = [expand(rt, a, outShape), expand(rt, b, outShape)];
    const out = hostOutput(rt, outShape, a.dtype as Dense);
    loop(hostValues(rt, left), hostValues(rt, right), hostValues(rt, out));
    return out;
  };
}

export function selectOnHost(rt: Runtime, condition: Info, a: Info, b: Info, outShape: Shape): Info {
  const [c, left, right] = [expand(rt, condition, outShape), expand(rt, a, outShape), expand(rt, b, outShape)];
  const out = hostOutput(rt, outShape, a.dtype as Dense);
  const holds = hostValues(rt, c);
  const [x, y, z] = [bitsOf(hostValues(rt, left)), bitsOf(hostValues(rt, right)), bitsOf(hostValues(rt, out))];
  for (let i = 0; i < z.length; i++) {
    const takeA = -Number(holds[i] !== 0);
    z[i] = (x[i]! & takeA) | (y[i]! & ~takeA);
  }
  return out;
}

export function affineOnHost(rt: Runtime, x: Info, scale: number, shift: number): Info {
  const out = hostOutput(rt, x.shape, x.dtype as Dense);
  const [from, to] = [hostValues(rt, x), hostValues(rt, out)];
  for (let i = 0; i < to.length; i++) to[i] = from[i]! * scale + shift;
  return out;
}

/** The box that starts at `begin`, copied one contiguous run after the other. */
export function sliceOnHost(rt: Runtime, x: Info, begin: readonly number[], size: Shape): Info {
  const out = hostOutput(rt, size, x.dtype as Dense);
  const [from, to] = [hostValues(rt, x), hostValues(rt, out)];
  let at = 0;
  const copy = (axis: number, offset: number): void => {
    const n = x.shape[axis]!;
    if (axis === size.length - 1) {
      copyRun(from, offset * n + begin[axis]!, to, at, size[axis]!);
      at += size[axis]!;
    } else {
      for (let i = 0; i < size[axis]!; i++) copy(axis + 1, offset * n + begin[axis]! + i);
    }
  };
  copy(0, 0);
  return out;
}

/** Joins matrices of equally many rows side by side. */
export function concatOnHost(rt: Runtime, xs: readonly Info[]): Info {
  const rows = xs[0]!.shape[0]!;
  const columns = xs.reduce((sum, x) => sum + x.shape[1]!, 0);
  const out = hostOutput(rt, [rows, columns], xs[0]!.dtype as Dense);
  const to = hostValues(rt, out);
  let left = 0;
  for (const x of xs) {
    const from = hostValues(rt, x);
    const width = x.shape[1]!;
    for (let row = 0; row < rows; row++) copyRun(from, row * width, to, row * columns + left, width);
    left += width;
  }
  return out;
}

/** Swaps the last two of three axes. */
export function transposeOnHost(rt: Runtime, x: Info): Info {
  const [batch, rows, columns] = x.shape as [number, number, number];
  const out = hostOutput(rt, [batch, columns, rows], x.dtype as Dense);
  const [from, to] = [hostValues(rt, x), hostValues(rt, out)];
  for (let start = 0; start < from.length; start += rows * columns) {
    for (let block = 0; block < rows; block += TRANSPOSE_BLOCK) {
      const end = Math.min(block + TRANSPOSE_BLOCK, rows);
      for (let column = 0; column < columns; column++) {
        const target = start + column * rows;
        for (let row = block; row < end; row++) to[target + row] = from[start + row * columns + column]!;
      }
    }
  }
  return out;
}

/** Rows whose cache lines stay in the first-level cache while every column takes its element from them. */
const TRANSPOSE_BLOCK = 256;

/** Repeats along axes of size 1; `shape` has as many axes. */
export function broadcastOnHost(rt: Runtime, x: Info, shape: Shape): Info {
  const out = hostOutput(rt, shape, x.dtype as Dense);
  const [from, to] = [hostValues(rt, x), hostValues(rt, out)];
  const expand = (axis: number, source: number, target: number): void => {
    const [n, width] = [shape[axis]!, sizeBetween(shape, axis + 1, shape.length)];
    const sourceWidth = sizeBetween(x.shape, axis + 1, shape.length);
    if (sourceWidth === width) {
      if (x.shape[axis] === n) copyRun(from, source, to, target, n * width);
      else if (width === 1) to.fill(from[source]!, target, target + n);
      else for (let i = 0; i < n; i++) copyRun(from, source, to, target + i * width, width);
    } else if (x.shape[axis] === n) {
      for (let i = 0; i < n; i++) expand(axis + 1, source + i * sourceWidth, target + i * width);
    } else {
      expand(axis + 1, source, target);
      for (let i = 1; i < n; i++) to.copyWithin(target + i * width, target, target + width);
    }
  };
  expand(0, 0, 0);
  return out;
}

function copyRun(from: HostArray, source: number, to: HostArray, target: number, length: number): void {
  // A view costs as much as copying some dozen elements.
  if (length < 32) for (let i = 0; i < length; i++) to[target + i] = from[source + i]!;
  else to.set(from.subarray(source, source + length), target);
}

/** tanh x = −e / (2 + e) with e = e^−2|x| − 1, and the sign of x; the only inaccurate step, the difference to 1, is the Elu kernel's. */
export function tanhByElu(rt: Runtime, x: Info): Info {
  const e = rt.temporary(
    rt.run('Elu', {
      x: rt.temporary(rt.run('Multiply', { a: rt.temporary(rt.run('Abs', { x })), b: rt.scalar(-2, 'float32') })),
    }),
  );
  const out = rt.run('RealDiv', { a: e, b: rt.temporary(rt.run('Add', { a: e, b: rt.scalar(2, 'float32') })) });
  const [bits, signs] = [bitsOf(hostValues(rt, out)), bitsOf(hostValues(rt, x))];
  for (let i = 0; i < bits.length; i++) bits[i] = (bits[i]! & 0x7fffffff) | (signs[i]! & 0x80000000);
  return out;
}

/** Adds up the rows of a matrix: [rows, columns] → [columns]. */
export function sumColumnsOnHost(rt: Runtime, x: Info): Info {
  const [rows, columns] = x.shape as [number, number];
  const out = hostOutput(rt, [columns], x.dtype as Dense);
  const [from, to] = [hostValues(rt, x), hostValues(rt, out)];
  // Totals in double precision, because rows are many and added one by one.
  const totals = new Float64Array(columns);
  for (let row = 0, at = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) totals[column]! += from[at++]!;
  to.set(totals);
  return out;
}

function expand(rt: Runtime, x: Info, shape: Shape): Info {
  return shapesEqual(x.shape, shape) ? x : rt.temporary(broadcastTo(rt, x, shape));
}
