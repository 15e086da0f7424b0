import { affine, copy, disposeTree, scope, vjp } from '@sparseflow/tensor';
import type { CreateOptions, Key, Params, Tensor } from '@sparseflow/tensor';
import { noStats, type FlowState, type Transform } from './transform.ts';

/** An invertible map as two plain functions, each of which knows its own log determinant. */
export interface PlainTransform {
  readonly dim: number;
  init?(key: Key, options: CreateOptions): Params;
  /** Differentiable to any order. */
  forward(params: Params, x: Tensor): FlowState;
  inverse(params: Params, z: Tensor): FlowState;
}

/**
 * Makes a transform of plain differentiable functions.
 *
 * @example
 * ```ts
 * import { compose, continuous, flow, mlp, transformOf } from '@sparseflow/cnf';
 * import { full, key, mul, tensor } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 *
 * const backend = createReferenceBackend();
 * const scaled = (by: number) => (_: object, x: ReturnType<typeof mul>) => ({ z: mul(x, by), logDet: full([x.shape[0]!], 2 * Math.log(by), x) });
 * const half = transformOf({ dim: 2, forward: scaled(0.5), inverse: scaled(2) });
 * const model = flow(compose([half, continuous({ field: mlp({ dim: 2, hidden: [8], activation: 'tanh' }) })]));
 * const params = model.init(key(0), { backend });
 * console.log((await model.logProb(params, tensor([[1, 2]], { backend }))).shape); // [1]
 * ```
 */
export function transformOf({ dim, init = () => ({}), forward, inverse }: PlainTransform): Transform {
  const owned = (x: Tensor, { z, logDet }: FlowState): FlowState => ({ z: z === x ? copy(z) : z, logDet });
  return {
    dim,
    init,
    neurons: [],
    async forward(params, x) {
      return { ...scope(() => owned(x, forward(params, x))), stats: noStats() };
    },
    async inverse(params, z) {
      return { ...scope(() => owned(z, inverse(params, z))), stats: noStats() };
    },
    async generate(params, z) {
      return { z: scope(() => owned(z, inverse(params, z)).z), stats: noStats() };
    },
    async record(params, x) {
      const f = ({ params, x }: { params: Params; x: Tensor }) => {
        const { z, logDet } = forward(params, x);
        return { z: affine(z, 1), logDet };
      };
      const { value, pullback, dispose } = vjp(f, { params, x });
      return {
        state: value,
        stats: noStats(),
        async pullback({ z, logDet }) {
          return pullback({ z, logDet });
        },
        dispose() {
          dispose();
          disposeTree(value);
        },
      };
    },
    async freeze(params, x) {
      const z = scope(() => owned(x, forward(params, x)).z);
      return { run: forward, z, stats: noStats(), dispose: () => undefined };
    },
  };
}
