import { disposeTree, Tensor } from '@sparseflow/tensor';
import type { Masks, Params } from '@sparseflow/tensor';
import { PruningError } from './errors.ts';
import { applyMasks } from './masks.ts';
import type { Pruner, PruningContext, Scores } from './pruner.ts';

/** Something that is scored: a parameter or a group, and how many of its entries or units are still there. */
export interface Scored {
  readonly name: string;
  readonly size: number;
  readonly isLive: (index: number) => boolean;
}

/**
 * Lets a pruner score the masked parameters, and downloads and checks what it says. The order of the result is that of `items`.
 *
 * @throws {PruningError} when a score is missing, of the wrong length, or no number where something is left
 */
export async function scoresOf(
  pruner: Pruner,
  params: Params,
  masks: Masks,
  context: PruningContext,
  items: readonly Scored[],
): Promise<ReadonlyMap<string, ArrayLike<number>>> {
  const masked = applyMasks(params, masks);
  const own = new Set<unknown>([params, masks, masked].flatMap((record) => Object.values(record)));
  let scores: Scores | undefined;
  try {
    scores = await pruner.score(masked, context);
    const downloaded = new Map<string, ArrayLike<number>>();
    for (const item of items) downloaded.set(item.name, await checked(pruner, scores?.[item.name], item));
    return downloaded;
  } finally {
    for (const x of Object.values(scores ?? {})) if (x instanceof Tensor && !own.has(x)) x.dispose();
    disposeTree(masked);
  }
}

async function checked(
  pruner: Pruner,
  given: ArrayLike<number> | Tensor | undefined,
  { name, size, isLive }: Scored,
): Promise<ArrayLike<number>> {
  const where = `pruner '${pruner.name}'`;
  const values = given instanceof Tensor ? await given.data() : given;
  if (values?.length !== size) {
    throw new PruningError(
      where,
      `it gave ${values ? `${values.length} scores` : 'no scores'} for '${name}', which has ${size}`,
      pruner.target === 'weights'
        ? 'return one score per entry of every candidate parameter'
        : 'return one score per unit of every group',
    );
  }
  for (let i = 0; i < size; i++) {
    const score: unknown = values[i];
    if ((typeof score !== 'number' || Number.isNaN(score)) && isLive(i)) {
      throw new PruningError(
        where,
        `the score of '${name}' at index ${i} is ${typeof score === 'string' ? `'${score}'` : String(score)}`,
        'score every entry by a number; it is NaN where parameters are, as after a training that diverged, and for 0 / 0',
      );
    }
  }
  return values;
}
