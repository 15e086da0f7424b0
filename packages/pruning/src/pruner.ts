import type { Key, Masks, NeuronGroup, Params, Tensor } from '@sparseflow/tensor';
import type { Objective } from './objective.ts';

/**
 * How much each entry or unit matters: the higher, the longer it is kept. For a pruner of weights there is one array or tensor per
 * candidate parameter, with a score per entry in row-major order; for a pruner of neurons one per group, with a score per unit.
 * Infinities are allowed and NaN is refused. Further records are ignored.
 */
export type Scores = Readonly<Record<string, ArrayLike<number> | Tensor>>;

/** What a pruner may look at besides the parameters. */
export interface PruningContext {
  /** What is pruned already; the parameters are exactly zero there, and the scores there do not matter. */
  readonly masks: Masks;
  /** The groups of prunable units. */
  readonly neurons: readonly NeuronGroup[];
  /** Names of the parameters whose entries may be pruned, sorted. */
  readonly candidates: readonly string[];
  /** For pruners that draw random numbers; use {@link requireKey}. */
  readonly key: Key | undefined;
  /** For pruners that look at gradients, curvature or activations; use {@link requireObjective}. */
  readonly objective?: Objective | undefined;
  /** The parameters before the last training; use {@link requireBefore}. */
  readonly before?: Params | undefined;
}

/** What a pruner needs besides the parameters: fields of its context, and `inputs` of the objective. */
export type PrunerNeed = 'key' | 'objective' | 'inputs' | 'before';

/**
 * A rule that says what matters least. It only scores: what is kept, how many, and in which order ties are broken is the same for all
 * pruners. A pruner that needs data (gradients, activations) says so in `needs` and finds it in its context.
 *
 * @example
 * ```ts
 * import { prune } from '@sparseflow/pruning';
 * import type { Pruner } from '@sparseflow/pruning';
 * import { mapTree, square, tensor } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 *
 * const energy: Pruner = {
 *   name: 'energy',
 *   target: 'weights',
 *   scope: 'local',
 *   score: (params) => mapTree(params, square),
 * };
 * const params = { weight: tensor([[3, -1], [0.5, 2]], { backend: createReferenceBackend() }) };
 * const { masks } = await prune(params, undefined, energy, { keep: 0.5 });
 * console.log(await masks['weight']!.data()); // 1, 0, 0, 1
 * ```
 */
export interface Pruner {
  readonly name: string;
  /** `weights`: single entries are pruned. `neurons`: whole units, with everything that belongs to them. */
  readonly target: 'weights' | 'neurons';
  /** `global`: scores are compared over all layers together. `local`: every layer keeps the same share, whatever its scores. */
  readonly scope: 'global' | 'local';
  /** What its context must have. Default: nothing. */
  readonly needs?: readonly PrunerNeed[];
  /** Scores the parameters. Tensors that it returns are disposed, unless they are the parameters' own. */
  score(params: Params, context: PruningContext): Scores | Promise<Scores>;
}
