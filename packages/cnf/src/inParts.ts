import { add, fold, mul, scope, slice, ValueError } from '@sparseflow/tensor';
import type { Params, Tensor } from '@sparseflow/tensor';
import type { Flow, LossAndGrad } from './flow.ts';
import { sumStats, type CallOptions } from './transforms/transform.ts';

export interface InPartsOptions extends CallOptions {
  /** Rows that are computed at once, at most. */
  readonly rows: number;
}

/**
 * `flow.lossAndGrad` of a batch of any size, in the memory of `rows` rows: the batch is cut into parts, whose losses and gradients are
 * added up. Each part has step sizes of its own and, where the divergence is random, noise of its own, drawn with the key folded with the
 * number of the part. A batch that is not cut is computed as by `lossAndGrad`.
 *
 * @throws {ValueError} for a number of rows that is not a positive integer
 * @throws what `lossAndGrad` throws
 *
 * @example
 * ```ts
 * import { cnf, lossAndGradInParts, mlp } from '@sparseflow/cnf';
 * import { key, randomNormal } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 *
 * const backend = createReferenceBackend();
 * const flow = cnf({ field: mlp({ dim: 2, hidden: [8], activation: 'tanh' }) });
 * const params = flow.init(key(0), { backend });
 * const x = randomNormal(key(1), [10, 2], { backend });
 * const whole = await flow.lossAndGrad(params, x);
 * const parts = await lossAndGradInParts(flow, params, x, { rows: 4 }); // 4, 4 and 2 rows
 * console.log(Math.abs(whole.loss.dataSync()[0]! - parts.loss.dataSync()[0]!) < 1e-4); // true
 * ```
 */
export async function lossAndGradInParts(
  flow: Flow,
  params: Params,
  x: Tensor,
  { rows, ...call }: InPartsOptions,
): Promise<LossAndGrad> {
  if (!Number.isInteger(rows) || rows < 1)
    throw new ValueError('lossAndGradInParts', `${rows} rows at once`, 'give a positive integer');
  const batch = x.shape[0]!;
  if (batch <= rows) return flow.lossAndGrad(params, x, call);
  let total: LossAndGrad | undefined;
  for (let from = 0; from < batch; from += rows) {
    const count = Math.min(rows, batch - from);
    const part = (whole: Tensor): Tensor => scope(() => slice(whole, [from, 0], [count, -1]));
    const [some, context] = [part(x), call.context && part(call.context)];
    const key = call.key && fold(call.key, from / rows);
    const own = { ...call, ...(key && { key }), ...(context && { context }) };
    try {
      const found = await flow.lossAndGrad(params, some, own);
      total = added(total, found, count / batch);
    } catch (error) {
      if (total) dispose(total);
      throw error;
    } finally {
      some.dispose();
      context?.dispose();
    }
  }
  return total!;
}

/** The sum so far and a share of what is added to it, both of which end with it. */
function added(sum: LossAndGrad | undefined, next: LossAndGrad, share: number): LossAndGrad {
  const plus = (before: Tensor | undefined, value: Tensor): Tensor => {
    const part = mul(value, share);
    return before ? add(before, part) : part;
  };
  const result = scope(() => ({
    loss: plus(sum?.loss, next.loss),
    grads: Object.fromEntries(
      Object.entries(next.grads).map(([name, gradient]) => [name, plus(sum?.grads[name], gradient)] as const),
    ),
    ...(next.penalty && { penalty: plus(sum?.penalty, next.penalty) }),
  }));
  if (sum) dispose(sum);
  dispose(next);
  return { ...result, stats: sum ? sumStats([sum.stats, next.stats]) : next.stats };
}

function dispose({ loss, grads, penalty }: LossAndGrad): void {
  loss.dispose();
  penalty?.dispose();
  for (const gradient of Object.values(grads)) gradient.dispose();
}
