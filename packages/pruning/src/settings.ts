import type { NeuronGroup, Params, Tensor } from '@sparseflow/tensor';
import { PruningError } from './errors.ts';
import type { Objective } from './objective.ts';
import { classByPattern, matchesName, matchesSome } from './patterns.ts';
import type { NamePattern } from './patterns.ts';
import type { Pruner } from './pruner.ts';
import type { Block } from './select/blocks.ts';
import type { Counting } from './select/neurons.ts';
import type { WeightScope } from './select/weights.ts';
import { checkNeurons } from './units.ts';

export interface PruneSettings {
  /** The prunable units of the model, such as a field's `neurons`. Needed by pruners of neurons and by `deadNeurons: 'remove'`. */
  readonly neurons?: readonly NeuronGroup[];
  /** Which parameters a pruner of weights may prune. Default: those of rank 2 and more, so no biases. Not for pruners of neurons. */
  readonly candidates?: (name: string, param: Tensor) => boolean;
  /**
   * Parameters that a pruner of weights leaves alone, or groups of which a pruner of neurons removes no unit. A pattern that matches none is
   * an error.
   */
  readonly exclude?: readonly NamePattern[];
  /**
   * Between which entries or units scores are compared. `global`: all. `local`: those of one parameter or group, and each keeps the same
   * share. Patterns: those whose parameters or groups match the same one first (what matches none is one more class), and each such
   * class keeps the same share. Default: the pruner's own.
   */
  readonly scope?: 'global' | 'local' | readonly NamePattern[];
  /**
   * Entries that stay of every prunable parameter of rank 2 and more, or units of every group: the best ones, as far as they are left.
   * Default 1, so that no layer is emptied; neurons never go below 1.
   */
  readonly minKept?: number;
  /** Lets a pruner of weights remove whole blocks; sizes then come in steps, and the nearest one is chosen. `minKept` counts blocks. */
  readonly block?: Block;
  /**
   * What is removed with a neuron. `complete` (default): all that belongs to it. `original`: its bias and gates stay and count, as in the
   * code that produced the published numbers, so that ratios can be compared; the constant that the neuron would then feed forward is
   * dropped, because the weights that read it go in both cases.
   */
  readonly counting?: Counting;
  /**
   * `remove`: a pruner of weights also removes what is left of neurons that no weight reads any more, and the number of weights is chosen
   * for the size after that. Ratios at which the biases alone would exceed the budget become reachable, and the function of the model
   * is not changed by it. Default `keep`.
   */
  readonly deadNeurons?: 'keep' | 'remove';
  /**
   * What to do when the ratio is below the smallest reachable one, or above what is left: `throw` (default), or take the `nearest`
   * reachable one, which is to prune as far as possible, or not at all. The report says what was reached.
   */
  readonly unreachable?: 'throw' | 'nearest';
  /** For pruners that look at data. */
  readonly objective?: Objective;
}

/**
 * Checks what does not depend on masks or scores, so that it can be said before a training.
 *
 * @throws {PruningError} when groups do not fit the parameters or are missing, a pattern matches nothing, nothing may be pruned, or an option
 *   is not for this pruner
 */
export function checkSettings(where: string, params: Params, pruner: Pruner, settings: PruneSettings): void {
  const { neurons = [], deadNeurons, minKept = 1, block, scope = pruner.scope, exclude = [] } = settings;
  const refuse = (what: string, remedy: string): never => {
    throw new PruningError(where, what, remedy);
  };
  const ofNeurons = isOneOf(pruner.target, ['weights', 'neurons'])
    ? pruner.target === 'neurons'
    : refuse(`pruner '${pruner.name}' has the target '${String(pruner.target)}'`, "use 'weights' or 'neurons'");
  checkNeurons(where, params, neurons);
  if (neurons.length === 0 && ofNeurons) {
    refuse(`pruner '${pruner.name}' prunes neurons and got none`, 'pass { neurons }, such as those of a vector field');
  }
  if (neurons.length === 0 && deadNeurons === 'remove') {
    refuse('deadNeurons is remove and no neurons are named', 'pass { neurons }, such as those of a vector field');
  }
  if (ofNeurons && settings.candidates) {
    refuse(
      `pruner '${pruner.name}' prunes neurons, and candidates are parameters`,
      'name groups that stay with { exclude }, or use a pruner of weights',
    );
  }
  if (block && ofNeurons) refuse(`pruner '${pruner.name}' prunes neurons, not blocks`, 'use a pruner of weights');
  if (block && !block.every((n) => Number.isSafeInteger(n) && n > 0)) {
    refuse(`a block of ${block.join(' × ')}`, 'pass the numbers of its rows and columns');
  }
  if (!Number.isSafeInteger(minKept) || minKept < 0) {
    refuse(`minKept is ${minKept}`, 'pass how many entries or units stay, 0 or more');
  }
  if (typeof scope === 'string' && !isOneOf(scope, ['global', 'local'])) {
    refuse(`the scope is '${String(scope)}'`, "use 'global', 'local', or an array of patterns of names");
  }

  const names = ofNeurons ? neurons.map(({ name }) => name) : Object.keys(params);
  const patterns = typeof scope === 'string' ? { exclude } : { exclude, scope };
  for (const [option, list] of Object.entries(patterns)) {
    for (const pattern of list) {
      if (names.some((name) => matchesName(pattern, name))) continue;
      refuse(
        `${option} has ${typeof pattern === 'string' ? `'${pattern}'` : String(pattern)}, which matches no ${ofNeurons ? 'neuron group' : 'parameter'}`,
        `use the names ${names.join(', ')}, with * for any characters`,
      );
    }
  }
  const prunable = ofNeurons ? names.filter((name) => !matchesSome(exclude, name)) : candidatesOf(params, settings);
  if (prunable.length === 0) {
    refuse(
      `nothing may be pruned of ${names.join(', ')}`,
      ofNeurons ? 'exclude less' : 'exclude less, or name { candidates }; by default those of rank 2 and more are',
    );
  }
}

function isOneOf(value: string, allowed: readonly string[]): boolean {
  return allowed.includes(value);
}

/** Which parameters a pruner of weights may touch, sorted. */
export function candidatesOf(params: Params, { candidates = hasRankTwo, exclude }: CandidateSettings): string[] {
  return Object.keys(params)
    .filter((name) => candidates(name, params[name]!) && !matchesSome(exclude, name))
    .sort();
}

type CandidateSettings = Pick<PruneSettings, 'candidates' | 'exclude'>;

function hasRankTwo(_name: string, { rank }: Tensor): boolean {
  return rank >= 2;
}

/** Between what scores are compared, and what stays. */
export function scopeOf(
  params: Params,
  pruner: Pruner,
  { scope = pruner.scope, minKept = 1 }: PruneSettings,
): WeightScope {
  const classOf = scope === 'global' ? () => '' : scope === 'local' ? (name: string) => name : classByPattern(scope);
  const isVector = (name: string): boolean => pruner.target === 'weights' && params[name]!.rank < 2;
  return { classOf, minKept: (name) => (isVector(name) ? 0 : minKept) };
}
