import type { Shape } from '@sparseflow/tensor';
import type { Info, Runtime } from '../runtime.ts';
import { sizeBetween } from '../shapes.ts';

/** [..., m, k] × [..., k, n] of non-empty operands with equal leading axes. */
export function matMul(rt: Runtime, a: Info, b: Info, transposeA: boolean, transposeB: boolean, outShape: Shape): Info {
  const batch = sizeBetween(outShape, 0, outShape.length - 2);
  const stack = (x: Info): Info => rt.view(x, [batch, x.shape[x.shape.length - 2]!, x.shape[x.shape.length - 1]!]);
  const composition = rt.compositions.matMul;
  const product = composition
    ? composition.compute(rt, stack(a), stack(b), transposeA, transposeB)
    : rt.run('BatchMatMul', { a: stack(a), b: stack(b) }, { transposeA, transposeB });
  return rt.relabel(product, outShape);
}
