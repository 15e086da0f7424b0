import { abs, disposeTree, flattenTree, fold, scope, splitKey, sum, where, zeros } from '@sparseflow/tensor';
import type { Key, Masks, Params } from '@sparseflow/tensor';
import { PruningError } from './errors.ts';
import { alias, applyMasks, countLive, downloadMasks } from './masks.ts';
import { prune } from './prune.ts';
import type { Pruner } from './pruner.ts';
import { checkNeeds } from './pruners/require.ts';
import { reportOf, sizeOfParams } from './report.ts';
import type { SparsityReport } from './report.ts';
import { checkSettings } from './settings.ts';
import type { PruneSettings } from './settings.ts';
import type { StopRule } from './stop.ts';
import { checkSameShapes } from './units.ts';

export type Metrics = Readonly<Record<string, number>>;

/** What is known of a finished round. Plain JSON. */
export interface RoundSummary {
  /** 0 is the dense flow; round i is pruned to the i-th keep ratio. */
  readonly round: number;
  /** The keep ratio that was asked for; the report says what was reached. */
  readonly keep: number;
  readonly report: SparsityReport;
  readonly metrics: Metrics;
}

/** A finished round with its flow θ̂ = m ⊙ θ. */
export interface Round extends RoundSummary {
  readonly params: Params;
  readonly masks: Masks;
}

export interface Trained {
  /** Zero where masked. May be the tensors that were passed in. They belong to the round from then on. */
  readonly params: Params;
  readonly metrics?: Metrics;
}

/**
 * How a pruned flow is trained again (Renda, Frankle, Carbin 2020, "Comparing Rewinding and Fine-tuning in Neural Network Pruning").
 * - `learning-rate-rewind`: weights continue, the learning-rate schedule starts again. The mode of the Sparse Flows paper.
 * - `fine-tune`: weights continue, at the learning rate with which training ended.
 * - `weight-rewind`: the weights that are left go back to early values, and the schedule starts again: the lottery ticket of Frankle and
 *   Carbin 2019.
 */
export type RetrainMode = 'learning-rate-rewind' | 'fine-tune' | 'weight-rewind';

/** What a call of `train` is for. Only in `fine-tune` the learning rate should be the last one of the schedule; in all others it starts. */
export type TrainingPhase = 'dense' | RetrainMode | 'from-scratch';

export interface SparseFlowOptions extends PruneSettings {
  /** The initial parameters. Neither changed nor disposed. */
  readonly params: Params;
  /** What is masked from the start. */
  readonly masks?: Masks;
  readonly pruner: Pruner;
  /**
   * Share of the original size that each round keeps, non-increasing: see {@link paperKeepRatios}, {@link geometric}, {@link linear},
   * {@link constantRate}. All ones make the control: the dense flow trained as often, with the same restarts.
   */
  readonly keepRatios: readonly number[];
  /**
   * What a pruned flow is trained again from, and how; `train` is told. Default `learning-rate-rewind`, as the paper does.
   * See {@link RetrainMode}.
   */
  readonly retrain?: RetrainMode;
  /** The weights to which `weight-rewind` goes back: the initial ones (default), or those of an early moment of the dense training. */
  readonly rewindTo?: Params;
  /**
   * Fresh parameters of the same model, for the control of all pruning: when the rounds are over, they are trained for one round with the
   * final masks. If that does as well, the masks matter and the weights that were found do not.
   */
  readonly fromScratch?: Params;
  /**
   * Trains a flow for one round, with fresh optimiser state. Must keep masked entries at zero, by applying the masks after every step. Must
   * not dispose what it is given.
   */
  readonly train: (
    params: Params,
    masks: Masks,
    round: number,
    key: Key,
    phase: TrainingPhase,
  ) => Promise<Trained> | Trained;
  /** Measures a trained flow; its metrics are added to those of `train`. */
  readonly evaluate?: (params: Params, masks: Masks, round: number) => Promise<Metrics> | Metrics;
  /** Looks at the rounds so far and says whether to stop. Default: all keep ratios are used. */
  readonly stop?: StopRule;
  /** Every round's random numbers derive from this key and the round's number alone. */
  readonly key: Key;
  /** Is told of every round when it is finished: the place to report progress and to save. It is awaited. */
  readonly onRound?: (round: Round) => Promise<void> | void;
  /**
   * `all` (default): the result's rounds hold their tensors. `last`: those of a round are disposed when the next one is finished, so that
   * memory does not grow; save what is needed in `onRound`.
   */
  readonly retain?: 'all' | 'last';
  /**
   * Continues after a round that was finished and saved: `params` and `masks` are then that round's. With the same key the rest is as
   * if it had not been interrupted.
   */
  readonly resume?: {
    readonly round: number;
    /** The finished rounds, for the stop rule. */
    readonly history?: readonly RoundSummary[];
    /** What that round's training started from, for pruners that need it. */
    readonly before?: Params;
  };
}

export interface SparseFlowResult {
  /** The rounds that this call ran. The caller disposes their tensors. */
  readonly rounds: readonly Round[];
  /** Why there are no more. */
  readonly stoppedBy: 'schedule' | 'rule';
  /** The control with the final masks, if `fromScratch` was given; its `round` is one more than the last one's. The caller disposes it. */
  readonly fromScratch?: Round;
}

/**
 * Algorithm 1 of Liebenwein, Hasani, Amini, Rus 2021, "Sparse Flows: Pruning Continuous-depth Models": trains the dense flow, then prunes
 * and trains again, round by round. Weights continue from round to round; there is no rewind, unless `retrain` says so.
 *
 * A round whose ratio is above what is left (structured sizes are coarse, and an earlier round may have come out smaller) prunes nothing
 * and trains.
 *
 * @throws {PruningError} when the keep ratios increase or are not in (0, 1], when `train` returns other parameters or masked ones that
 *   are not zero, and as `prune` does. What `train`, `evaluate` and `onRound` throw passes through. The tensors of all rounds are then
 *   disposed.
 *
 * @example
 * ```ts
 * import { geometric, magnitude, sparseFlow } from '@sparseflow/pruning';
 * import { key, mapTree, mul, randomNormal } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 *
 * const params = { weight: randomNormal(key(0), [8, 8], { backend: createReferenceBackend() }) };
 * const { rounds } = await sparseFlow({
 *   params,
 *   pruner: magnitude,
 *   keepRatios: geometric(0.5, 0.125, 3),
 *   train: (params) => ({ params: mapTree(params, (x) => mul(x, 0.9)), metrics: { loss: 1 } }),
 *   key: key(1),
 * });
 * console.log(rounds.map(({ report }) => report.size)); // 64, 32, 16, 8
 * ```
 */
export async function sparseFlow(options: SparseFlowOptions): Promise<SparseFlowResult> {
  checkOptions(options);
  const { keepRatios, stop, retain = 'all', resume, onRound } = options;
  const rounds: Round[] = [];
  const history: RoundSummary[] = [...(resume?.history ?? [])];
  let stoppedBy: SparseFlowResult['stoppedBy'] = 'schedule';
  let current: From = { params: options.params, masks: options.masks ?? {}, before: resume?.before };
  try {
    for (let i = resume ? resume.round + 1 : 0; i <= keepRatios.length; i++) {
      if (i > 0 && stop?.(history)) {
        stoppedBy = 'rule';
        break;
      }
      const { before, ...round } = await runRound(options, await startOf(options, current, i), i);
      if (current.before !== resume?.before) disposeTree(current.before ?? {});
      current = { ...current, before };
      const previous = rounds.at(-1);
      rounds.push(round);
      await onRound?.(round);
      if (retain === 'last' && previous) disposeTree([previous.params, previous.masks]);
      const { params, masks, ...summary } = round;
      history.push(summary);
      current = { params, masks, before };
    }
    if (options.fromScratch) {
      const last = history.at(-1)?.round ?? resume?.round ?? -1;
      const start = await scratchOf(options, current, keepRatios[last - 1] ?? 1);
      const { before, ...fromScratch } = await runRound(options, start, last + 1);
      disposeTree(before ?? {});
      return { rounds, stoppedBy, fromScratch };
    }
  } catch (error) {
    for (const { params, masks } of rounds) disposeTree([params, masks]);
    throw error;
  } finally {
    if (current.before !== resume?.before) disposeTree(current.before ?? {});
  }
  return { rounds, stoppedBy };
}

/** What a round continues from. */
interface From extends Pick<Round, 'params' | 'masks'> {
  /** What its training started from; only where the pruner needs it. */
  readonly before: Params | undefined;
}

/** What a round trains. All tensors are new. */
interface Start extends Pick<Round, 'keep' | 'params' | 'masks' | 'report'> {
  readonly phase: TrainingPhase;
}

async function runRound(
  options: SparseFlowOptions,
  { keep, params, masks, report, phase }: Start,
  round: number,
): Promise<Round & Pick<From, 'before'>> {
  const before = options.pruner.needs?.includes('before') ? aliases(params) : undefined;
  let result: Params = params;
  try {
    const trained = await options.train(params, masks, round, keysOf(options, round).train, phase);
    result = trained.params;
    await checkTrained(params, masks, trained.params);
    const measured = await options.evaluate?.(trained.params, masks, round);
    const returned = new Set(flattenTree(trained.params));
    for (const x of Object.values(params)) if (!returned.has(x)) x.dispose();
    return { round, keep, report, metrics: { ...trained.metrics, ...measured }, params: trained.params, masks, before };
  } catch (error) {
    disposeTree([params, masks, result, before ?? {}]);
    throw error;
  }
}

function keysOf({ key }: SparseFlowOptions, round: number): { readonly prune: Key; readonly train: Key } {
  const [prune, train] = splitKey(fold(key, round), 2);
  return { prune: prune!, train: train! };
}

/** The dense flow, or the one before it pruned, and taken back to early weights where that is wanted. */
async function startOf(options: SparseFlowOptions, { params, masks, before }: From, round: number): Promise<Start> {
  const { retrain = 'learning-rate-rewind', rewindTo = options.params } = options;
  const live = await downloadMasks('sparseFlow', params, masks);
  if (round === 0) {
    return {
      keep: 1,
      phase: 'dense',
      params: applyMasks(params, masks),
      masks: aliases(masks),
      report: reportOf(params, live, options.neurons ?? []),
    };
  }
  const keep = options.keepRatios[round - 1]!;
  const left = countLive(live) / sizeOfParams(params);
  const pruned = await prune(params, masks, options.pruner, {
    ...options,
    keep: Math.min(keep, left),
    key: keysOf(options, round).prune,
    ...(before && { before }),
  });
  if (retrain !== 'weight-rewind') return { keep, phase: retrain, ...pruned };
  disposeTree(pruned.params);
  return { keep, phase: retrain, ...pruned, params: applyMasks(rewindTo, pruned.masks) };
}

/** Fresh parameters under the final masks. */
async function scratchOf({ fromScratch, neurons }: SparseFlowOptions, { masks }: From, keep: number): Promise<Start> {
  const live = await downloadMasks('sparseFlow', fromScratch!, masks);
  return {
    keep,
    phase: 'from-scratch',
    params: applyMasks(fromScratch!, masks),
    masks: aliases(masks),
    report: reportOf(fromScratch!, live, neurons ?? []),
  };
}

function aliases(record: Params): Params {
  return Object.fromEntries(Object.entries(record).map(([name, x]) => [name, alias(x)]));
}

/** All that can be known before the first training, which may take long. */
function checkOptions(options: SparseFlowOptions): void {
  const { keepRatios, resume, params, pruner, rewindTo, fromScratch, retrain } = options;
  keepRatios.forEach((keep, i) => {
    if (!(keep > 0 && keep <= (keepRatios[i - 1] ?? 1))) {
      throw new PruningError(
        'sparseFlow',
        `keep ratio ${i} is ${keep}${i > 0 ? ` after ${keepRatios[i - 1]}` : ''}`,
        'pass shares in (0, 1] that do not increase',
      );
    }
  });
  checkSettings('sparseFlow', params, pruner, options);
  // What the last training started from is known by then.
  checkNeeds({ ...pruner, needs: pruner.needs?.filter((need) => need !== 'before') ?? [] }, options);
  for (const [what, others] of Object.entries({ rewindTo, fromScratch })) {
    if (!others) continue;
    checkSameShapes('sparseFlow', params, others, what);
    const missing = Object.keys(params).find((name) => others[name] === undefined);
    if (missing !== undefined) {
      throw new PruningError('sparseFlow', `${what} lacks '${missing}'`, 'pass every parameter');
    }
  }
  if (retrain === 'weight-rewind' && resume && !rewindTo) {
    throw new PruningError(
      'sparseFlow',
      'it resumes with weight rewinding, and does not know the weights to go back to',
      'pass them as rewindTo',
    );
  }
  if (resume && !(Number.isSafeInteger(resume.round) && resume.round >= 0 && resume.round <= keepRatios.length)) {
    throw new PruningError(
      'sparseFlow',
      `cannot resume after round ${resume.round} of ${keepRatios.length}`,
      'pass the number of a finished round of the same schedule',
    );
  }
}

/** A trainer that forgets the masks would silently train a dense flow. */
async function checkTrained(before: Params, masks: Masks, after: Params): Promise<void> {
  checkSameShapes('sparseFlow', before, after, 'the result of train');
  const missing = Object.keys(before).find((name) => after[name] === undefined);
  if (missing !== undefined) {
    throw new PruningError('sparseFlow', `the result of train lacks '${missing}'`, 'return every parameter');
  }
  for (const [name, mask] of Object.entries(masks)) {
    const outside = scope(() => sum(abs(where(mask, zeros([], mask), after[name]!))));
    try {
      const [total] = await outside.data();
      if (total !== 0) {
        throw new PruningError(
          'sparseFlow',
          `train returned masked entries of '${name}' that are not zero (their absolute sum is ${total})`,
          'apply the masks after every optimiser step',
        );
      }
    } finally {
      outside.dispose();
    }
  }
}
