import { applyMasks, geometric, magnitude, neuronNorm, prune, sparseFlow, type Pruner } from '@sparseflow/pruning';
import { disposeTree } from '@sparseflow/tensor';
import type { Request, Status, Structure } from '../protocol.ts';
import type { Learner } from './learner.ts';
import { keysOf, type Session } from './session.ts';

const pruners: Readonly<Record<Structure, Pruner>> = { unstructured: magnitude, structured: neuronNorm };

/** As the studies of apps/reproduce do it: biases go with their neurons, and where a ratio cannot be reached, the nearest is taken. */
const settings = { deadNeurons: 'remove', counting: 'complete', unreachable: 'nearest' } as const;

/** Prunes once, to `keep` of the parameters. What has been trained since the last pruning is pruned on, if less is to be left. */
export async function pruneTo(session: Session, structure: Structure, keep: number): Promise<void> {
  const source = sourceOf(session, keep);
  if (source.name === 'dense') session.unprune();
  const pruned = await prune(source.params, source.masks, pruners[structure], {
    ...settings,
    keep,
    neurons: session.model.neurons,
    key: keysOf(session.settings.seed, source.position.round + 1).prune,
  });
  await session.beginRound(pruned, source);
}

function sourceOf(session: Session, keep: number): Learner {
  const sparse = session.learner('sparse');
  const dense = session.learner('dense');
  if (sparse && (!dense || (sparse.position.step > 0 && keep < sparse.keptShare))) return sparse;
  return dense!;
}

/**
 * Algorithm 1 of the paper from the dense model as it is: prune, train, prune again. The control takes part in every step.
 *
 * @param step - takes one training step; what it throws ends the algorithm, and the models stay as they are then
 */
export async function runSparseFlow(
  session: Session,
  { structure, keep, rounds, steps }: Extract<Request, { type: 'sparseFlow' }>,
  onRound: (round: NonNullable<Status['round']>) => void,
  step: () => Promise<void>,
): Promise<void> {
  session.unprune();
  const dense = session.learner('dense')!;
  const keepRatios = rounds === 1 ? [keep] : geometric(keep ** (1 / rounds), keep, rounds);
  const result = await sparseFlow({
    ...settings,
    params: dense.params,
    pruner: pruners[structure],
    keepRatios,
    neurons: session.model.neurons,
    key: keysOf(session.settings.seed).prune,
    // The dense model is round 0, and trained.
    resume: { round: 0 },
    retain: 'last',
    async train(params, masks, round) {
      const copies = { params: applyMasks(params, masks), masks: applyMasks(masks, {}) };
      await session.beginRound(copies, session.learner('sparse') ?? dense);
      onRound({ round, rounds, keep: keepRatios[round - 1]! });
      for (let i = 0; i < steps; i++) await step();
      const sparse = session.learner('sparse')!;
      return { params: applyMasks(sparse.params, sparse.masks) };
    },
  });
  for (const round of result.rounds) disposeTree([round.params, round.masks]);
}
