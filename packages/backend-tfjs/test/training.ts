import * as ops from '@sparseflow/tensor';
import type { Backend, Params, Tensor } from '@sparseflow/tensor';

/** A small network. */
export const init = (backend: Backend): Params => {
  const matrix = (rows: number, columns: number): Tensor =>
    ops.tensor(Array.from({ length: rows * columns }, (_, i) => Math.sin(i + 1)), { backend, shape: [rows, columns] }); // prettier-ignore
  return { w1: matrix(3, 5), b1: matrix(1, 5), w2: matrix(5, 2), b2: matrix(1, 2) };
};

/** A step as in training: a network with a time column, a divergence, a loss, its gradient, an update. */
export function step(params: Params, x: Tensor, fail: boolean): Params {
  return ops.scope(() => {
    const loss = (p: Params): Tensor => {
      const field = (z: Tensor): Tensor => {
        const time = ops.full([z.shape[0]!, 1], 0.5, { backend: z.backend });
        const hidden = ops.tanh(ops.add(ops.matMul(ops.concat([z, time], 1), p['w1']!), p['b1']!));
        return ops.add(ops.matMul(hidden, p['w2']!), p['b2']!);
      };
      const { value, tangent } = ops.jvp(field, x, ops.onesLike(x)) as { value: Tensor; tangent: Tensor };
      const rows = ops.gather(value, ops.tensor([0, 2, 2], { backend: x.backend, dtype: 'int32' }), 0);
      if (fail) ops.reshape(value, [7]);
      return ops.add(
        ops.mean(ops.square(rows)),
        ops.mean(ops.softplus(ops.where(ops.less(tangent, 0), tangent, value))),
      );
    };
    const { grad } = ops.valueAndGrad(loss)(params);
    return Object.fromEntries(
      Object.entries(params).map(([key, p]) => [key, ops.sub(p, ops.affine(grad[key]!, 0.01, 0))]),
    );
  });
}
