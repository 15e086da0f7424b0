import {
  disposeTree,
  hvp,
  jvp,
  key as makeKey,
  mul,
  normal,
  scope,
  splitKey,
  vjp,
  type Params,
  type Tensor,
} from '@sparseflow/tensor';
import { HessianError } from './errors.ts';
import { addFlattened, layoutOf, unflatten } from './layout.ts';
import type { CurvatureOperator } from './operator.ts';
import { dot, norm } from './vectors.ts';

/** A part of the data, and what it counts: with a mean as loss, its number of samples. */
export interface WeightedBatch<B> {
  readonly batch: B;
  /** Default 1. */
  readonly weight?: number;
}

/** What an operator is made of. Batches are visited in order by every product, so they must be there each time: an array. */
export interface OperatorOptions {
  readonly signal?: AbortSignal;
  /** Called after each batch of a product. */
  readonly onBatch?: (done: number, total: number) => void;
  /** Skip the check of symmetry and determinism at construction, which costs two products. Default false. */
  readonly unchecked?: boolean;
}

/** One product with a batch's matrix, as tensors like the parameters. */
type BatchProduct<B> = (params: Params, vector: Params, batch: B) => Params;

/**
 * The Hessian of a scalar loss in its parameters, by exact Hessian-vector products (Pearlmutter 1994): of the weighted mean of the
 * loss over all batches. Nothing is sampled: randomness inside the loss (the noise of a divergence) must be fixed by the caller.
 *
 * @throws {HessianError} when there is no data, the loss is not one finite number, or two evaluations or the two sides of
 *   uᵀHv = vᵀHu differ: the loss is then random between calls
 *
 * @example
 * ```ts
 * import { hessianOperator, lanczos, hutchinsonTrace } from '@sparseflow/hessian';
 * import { key, mul, square, sum, tensor, type Params } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 *
 * const backend = createReferenceBackend();
 * const params = { w: tensor([1, 2, 3], { backend }) };
 * const scales = tensor([1, 10, 100], { backend });
 * const loss = (p: Params, batch: typeof scales) => mul(sum(mul(batch, square(p['w']!))), 0.5);
 * const hessian = await hessianOperator(loss, params, [{ batch: scales }]); // diag(1, 10, 100)
 *
 * const top = await lanczos(hessian, { k: 1, key: key(0) });
 * const trace = await hutchinsonTrace(hessian, { samples: 10, key: key(1) });
 * console.log(top.values, top.residuals, trace.value, trace.standardError); // [100], [~0], 111, 0
 * ```
 */
export async function hessianOperator<B>(
  loss: (params: Params, batch: B) => Tensor,
  params: Params,
  batches: readonly WeightedBatch<B>[],
  options: OperatorOptions = {},
): Promise<CurvatureOperator> {
  checkReplayable(batches);
  const value = async (): Promise<number> => {
    let total = 0;
    for (const { batch, weight = 1 } of batches) {
      const result = scope(() => loss(params, batch));
      const numbers = await result.data();
      result.dispose();
      if (numbers.length !== 1)
        throw new HessianError(
          'hessianOperator',
          `the loss has ${numbers.length} elements`,
          'reduce it to one with mean or sum',
        );
      total += weight * numbers[0]!;
    }
    return total;
  };
  if (!options.unchecked && batches.length > 0) {
    const [first, second] = [await value(), await value()];
    if (!Number.isFinite(first))
      throw new HessianError('hessianOperator', `the loss is ${first}`, 'check the parameters and the data');
    if (first !== second) {
      throw new HessianError(
        'hessianOperator',
        `two evaluations of the loss gave ${first} and ${second}`,
        'fix its noise, for example by drawing it once outside',
      );
    }
  }
  return batchOperator(params, batches, options, (p, v, batch) => hvp((q: Params) => loss(q, batch), p, v));
}

/**
 * The generalised Gauss-Newton matrix Jᵀ ∇²ℓ J of a loss ℓ on a model's outputs: positive semi-definite where ℓ is convex
 * (Schraudolph 2002).
 *
 * @throws as hessianOperator
 */
export async function gaussNewtonOperator<B>(
  model: {
    readonly outputs: (params: Params, batch: B) => Tensor;
    readonly loss: (outputs: Tensor, batch: B) => Tensor;
  },
  params: Params,
  batches: readonly WeightedBatch<B>[],
  options: OperatorOptions = {},
): Promise<CurvatureOperator> {
  return batchOperator(params, batches, options, (p, v, batch) => {
    const { value, tangent } = jvp((q: Params) => model.outputs(q, batch), p, v);
    const curved = hvp((y: Tensor) => model.loss(y, batch), value, tangent);
    return vjp((q: Params) => model.outputs(q, batch), p).pullback(curved);
  });
}

/**
 * The empirical Fisher matrix (1/n) Σ gᵢ gᵢᵀ of the gradients of single samples' losses (Kunstner et al. 2019 on what it is not).
 * `losses` gives one loss a sample, [n].
 *
 * @throws as hessianOperator
 */
export async function empiricalFisherOperator<B>(
  losses: (params: Params, batch: B) => Tensor,
  params: Params,
  batches: readonly WeightedBatch<B>[],
  options: OperatorOptions = {},
): Promise<CurvatureOperator> {
  return batchOperator(params, batches, options, (p, v, batch) => {
    const { tangent } = jvp((q: Params) => losses(q, batch), p, v);
    return vjp((q: Params) => losses(q, batch), p).pullback(mul(tangent, 1 / tangent.size));
  });
}

/** Types say so, but a stream would give its batches to the first product only. */
function checkReplayable(batches: unknown): void {
  if (!Array.isArray(batches)) {
    throw new HessianError(
      'operator',
      'the batches are no array, so they cannot be visited again',
      'collect them: every product goes through all of them',
    );
  }
}

async function batchOperator<B>(
  params: Params,
  batches: readonly WeightedBatch<B>[],
  { signal, onBatch, unchecked = false }: OperatorOptions,
  product: BatchProduct<B>,
): Promise<CurvatureOperator> {
  checkReplayable(batches);
  const layout = layoutOf(params);
  const total = batches.reduce((sum, { weight = 1 }) => sum + weight, 0);
  if (batches.length === 0 || !(total > 0) || layout.size === 0) {
    throw new HessianError(
      'operator',
      `${batches.length} batches of total weight ${total}, ${layout.size} parameters`,
      'give data with positive weights and at least one parameter',
    );
  }
  const operator: CurvatureOperator = {
    dimension: layout.size,
    layout,
    async apply(vector) {
      const result = new Float64Array(layout.size);
      const direction = unflatten(vector, params, layout);
      try {
        for (const [i, { batch, weight = 1 }] of batches.entries()) {
          signal?.throwIfAborted();
          const part = scope(() => product(params, direction, batch));
          try {
            await addFlattened(result, part, layout, weight / total);
          } finally {
            disposeTree(part);
          }
          onBatch?.(i + 1, batches.length);
        }
      } finally {
        disposeTree(direction);
      }
      return result;
    },
  };
  if (!unchecked) await checkSymmetry(operator, params);
  return operator;
}

/** Rounding of a product is relative to its size: 1e-10 in float64 and 1e-3 in float32 leave room for deep networks. */
async function checkSymmetry(operator: CurvatureOperator, params: Params): Promise<void> {
  const [first, second] = splitKey(makeKey(0));
  const [u, v] = [normal(first!, operator.dimension), normal(second!, operator.dimension)];
  const [hu, hv] = [await operator.apply(u), await operator.apply(v)];
  const difference = Math.abs(dot(u, hv) - dot(v, hu));
  const scale = norm(u) * norm(hv) + norm(v) * norm(hu);
  if (!Number.isFinite(scale))
    throw new HessianError('operator', 'a product is not finite', 'check the parameters and the data');
  const tolerance = Object.values(params).some((x) => x.dtype === 'float32') ? 1e-3 : 1e-10;
  if (difference > tolerance * scale) {
    throw new HessianError(
      'operator',
      `uᵀHv and vᵀHu differ by ${(difference / scale).toExponential(1)} of their size`,
      'fix the noise of the loss; if it is fixed, a derivative is wrong',
    );
  }
}
