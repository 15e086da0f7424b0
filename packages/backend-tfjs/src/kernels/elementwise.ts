import { shapesEqual } from '@sparseflow/tensor';
import type { BinaryOp, Shape, UnaryOp } from '@sparseflow/tensor';
import type { Info, Runtime } from '../runtime.ts';
import { mergeBroadcastAxes } from '../shapes.ts';
import { broadcastTo } from './layout.ts';

/** TensorFlow.js's names. */
export const unaryKernels: Readonly<Record<UnaryOp, string>> = {
  neg: 'Neg',
  abs: 'Abs',
  sign: 'Sign',
  step: 'Step',
  floor: 'Floor',
  exp: 'Exp',
  expm1: 'Expm1',
  log: 'Log',
  log1p: 'Log1p',
  sqrt: 'Sqrt',
  square: 'Square',
  reciprocal: 'Reciprocal',
  sin: 'Sin',
  cos: 'Cos',
  tanh: 'Tanh',
  sigmoid: 'Sigmoid',
  softplus: 'Softplus',
  relu: 'Relu',
};

export const binaryKernels: Readonly<Record<BinaryOp, string>> = {
  add: 'Add',
  sub: 'Sub',
  mul: 'Multiply',
  div: 'RealDiv',
  pow: 'Pow',
  maximum: 'Maximum',
  minimum: 'Minimum',
  equal: 'Equal',
  less: 'Less',
  lessEqual: 'LessEqual',
};

/** TensorFlow.js's kernels take up to this many axes on every backend; beyond it, neighbouring axes are merged first. */
const WIDELY_SUPPORTED_RANK = 4;

/** Read by the Step kernel alone: its value where x is not positive. */
const stepAttributes = { alpha: 0 };

export function unary(rt: Runtime, op: UnaryOp, x: Info): Info {
  const composition = rt.compositions.unary?.[op];
  return composition ? composition.compute(rt, x) : rt.run(unaryKernels[op], { x }, stepAttributes);
}

export function binary(rt: Runtime, op: BinaryOp, a: Info, b: Info, outShape: Shape): Info {
  if (outShape.length > WIDELY_SUPPORTED_RANK) {
    const merged = mergeBroadcastAxes([a.shape, b.shape], outShape);
    const left = rt.view(a, merged.shapes[0]!);
    const right = rt.view(b, merged.shapes[1]!);
    return rt.relabel(binaryOfFewAxes(rt, op, left, right, merged.out), outShape);
  }
  return binaryOfFewAxes(rt, op, a, b, outShape);
}

function binaryOfFewAxes(rt: Runtime, op: BinaryOp, a: Info, b: Info, outShape: Shape): Info {
  const composition = rt.compositions.binary?.[op];
  if (composition) return composition.compute(rt, a, b, outShape);
  const result = rt.run(binaryKernels[op], { a, b });
  // Comparisons come back as booleans.
  return result.dtype === 'bool' ? rt.run('Cast', { x: rt.temporary(result) }, { dtype: a.dtype }) : result;
}

/** x · scale + shift. */
export function affine(rt: Runtime, x: Info, scale: number, shift: number): Info {
  const composition = rt.compositions.affine;
  if (composition) return composition.compute(rt, x, scale, shift);
  return affineByKernels(rt, x, scale, shift);
}

export function affineByKernels(rt: Runtime, x: Info, scale: number, shift: number): Info {
  if (scale === 1) return rt.run('Add', { a: x, b: rt.scalar(shift, x.dtype) });
  const scaled = rt.run('Multiply', { a: x, b: rt.scalar(scale, x.dtype) });
  return shift === 0 ? scaled : rt.run('Add', { a: rt.temporary(scaled), b: rt.scalar(shift, x.dtype) });
}

/** a where condition ≠ 0, else b. */
export function select(rt: Runtime, condition: Info, a: Info, b: Info, outShape: Shape): Info {
  const composition = rt.compositions.select;
  if (composition) return composition.compute(rt, condition, a, b, outShape);
  // The Select kernel neither broadcasts nor takes numbers as conditions, and on webgl takes at most four axes.
  const shape = outShape.length > WIDELY_SUPPORTED_RANK ? [outShape.reduce((n, m) => n * m, 1)] : outShape;
  const expand = (x: Info): Info =>
    rt.view(shapesEqual(x.shape, outShape) ? x : rt.temporary(broadcastTo(rt, x, outShape)), shape);
  const holds = rt.temporary(rt.run('NotEqual', { a: expand(condition), b: rt.scalar(0, condition.dtype) }));
  return rt.relabel(rt.run('Select', { condition: holds, t: expand(a), e: expand(b) }), outShape);
}

export function cast(rt: Runtime, x: Info, dtype: 'float32' | 'int32'): Info {
  return x.dtype === dtype ? rt.share(x, x.shape) : rt.run('Cast', { x }, { dtype });
}
