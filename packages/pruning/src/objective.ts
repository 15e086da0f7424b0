import { grad, hvp, scope } from '@sparseflow/tensor';
import type { Params, Tensor } from '@sparseflow/tensor';
import { PruningError } from './errors.ts';

/** What a model is trained for, for pruners that look at data. Tensors that its functions return are new; the pruner disposes them. */
export interface Objective {
  /** How many batches may be asked for: 0 … batches - 1. Smaller batches tell more about single samples, and take longer. */
  readonly batches: number;
  /** How many samples a batch's loss is the mean of, for what depends on the spread of single samples. Default 1. */
  readonly rows?: number;
  /** Gradient of a batch's mean loss, for every candidate parameter at least. */
  gradient(params: Params, batch: number): Params | Promise<Params>;
  /** Hessian of a batch's mean loss times v, with the names of `v`. Without it, differences of gradients are taken. */
  hessianVector?(params: Params, v: Params, batch: number): Params | Promise<Params>;
  /** What each weight [out, in] is multiplied with: [rows, in], by the weight's name. */
  inputs?(params: Params, batch: number): Params | Promise<Params>;
}

/**
 * An objective from a loss that is differentiable by this library.
 *
 * @param loss - The mean loss of a batch, a single number.
 * @param inputs - For pruners that look at activations.
 *
 * @example
 * ```ts
 * import { objectiveOf, prune, snip } from '@sparseflow/pruning';
 * import { mul, square, sum, tensor } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 *
 * const backend = createReferenceBackend();
 * const params = { weight: tensor([[3, -1, 2]], { backend }) };
 * const curvature = tensor([0, 5, 1], { backend });
 * const objective = objectiveOf(({ weight }) => sum(mul(curvature, square(weight!))), 1);
 * const { masks } = await prune(params, undefined, snip, { keep: 2 / 3, objective });
 * console.log(await masks['weight']!.data()); // 0, 1, 1: the largest weight does not matter to this loss
 * ```
 */
export function objectiveOf(
  loss: (params: Params, batch: number) => Tensor,
  batches: number,
  inputs?: (params: Params, batch: number) => Params,
): Objective {
  return {
    batches,
    gradient: (params, batch) => grad((p: Params) => loss(p, batch))(params),
    hessianVector: (params, v, batch) =>
      scope(() => {
        const fixed = Object.fromEntries(Object.entries(params).filter(([name]) => v[name] === undefined));
        const moving = Object.fromEntries(Object.keys(v).map((name) => [name, params[name]!]));
        return hvp((p: Params) => loss({ ...fixed, ...p }, batch), moving, v);
      }),
    ...(inputs && { inputs: (params: Params, batch: number) => scope(() => inputs(params, batch)) }),
  };
}

/** Values on the host, by name. */
export type HostValues = Readonly<Record<string, Float64Array>>;

/** Downloads the named tensors and disposes all of `record`, except those that belong to `params`. */
export async function take(
  pruner: string,
  what: string,
  record: Params | Promise<Params>,
  names: readonly string[],
  params: Params,
): Promise<HostValues> {
  const given = await record;
  const own = new Set(Object.values(params));
  try {
    const download = async (name: string) => {
      const x = given[name];
      if (x?.size !== params[name]!.size) {
        throw new PruningError(
          pruner,
          `the ${what} of '${name}' ${x ? `has ${x.size} entries, the parameter has ${params[name]!.size}` : 'is missing'}`,
          'return one entry per entry of the parameter',
        );
      }
      return [name, Float64Array.from(await x.data())] as const;
    };
    return Object.fromEntries(await Promise.all(names.map(download)));
  } finally {
    for (const x of Object.values(given)) if (!own.has(x) && !x.isDisposed) x.dispose();
  }
}

/** Downloads parameters in float64. */
export async function valuesOf(params: Params, names: readonly string[]): Promise<HostValues> {
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, Float64Array.from(await params[name]!.data())] as const)),
  );
}

/** Values, and the mean over all batches of their gradients and of the squares of these. */
export interface Moments {
  readonly values: HostValues;
  readonly mean: HostValues;
  readonly meanSquare: HostValues;
}

/** Takes the gradient of every batch at the named parameters. */
export async function gradientMoments(
  pruner: string,
  objective: Objective,
  params: Params,
  names: readonly string[],
): Promise<Moments> {
  const zeros = (): HostValues => Object.fromEntries(names.map((name) => [name, new Float64Array(params[name]!.size)]));
  const moments: Moments = { values: await valuesOf(params, names), mean: zeros(), meanSquare: zeros() };
  for (let batch = 0; batch < objective.batches; batch++) {
    const gradient = await take(pruner, 'gradient', objective.gradient(params, batch), names, params);
    for (const name of names) {
      const [g, mean, meanSquare] = [gradient[name]!, moments.mean[name]!, moments.meanSquare[name]!];
      for (let i = 0; i < g.length; i++) {
        mean[i]! += g[i]! / objective.batches;
        meanSquare[i]! += g[i]! ** 2 / objective.batches;
      }
    }
  }
  return moments;
}

/** Applies a function to every entry of every array. */
export function mapValues(values: HostValues, f: (x: number, name: string, i: number) => number): HostValues {
  return Object.fromEntries(
    Object.entries(values).map(([name, array]) => [name, array.map((x, i) => f(x, name, i))] as const),
  );
}
