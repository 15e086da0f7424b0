import type { Key, Params } from '@sparseflow/tensor';
import { PruningError } from '../errors.ts';
import type { Objective } from '../objective.ts';
import type { PruningContext } from '../pruner.ts';

/**
 * The random key of a pruning, for pruners that draw.
 *
 * @throws {PruningError} when none was given
 */
export function requireKey(pruner: string, context: PruningContext): Key {
  if (context.key === undefined) {
    throw new PruningError(pruner, 'it draws random numbers and got no key', 'pass { key: key(seed) }');
  }
  return context.key;
}

/**
 * What the model is trained for, for pruners that look at gradients, curvature or activations.
 *
 * @throws {PruningError} when none was given, or it has no batches
 */
export function requireObjective(pruner: string, context: PruningContext): Objective {
  const { objective } = context;
  if (objective === undefined) {
    throw new PruningError(
      pruner,
      'it looks at the loss and got none',
      'pass { objective: objectiveOf(loss, batches) }',
    );
  }
  if (!(Number.isSafeInteger(objective.batches) && objective.batches > 0)) {
    throw new PruningError(pruner, `the objective has ${objective.batches} batches`, 'give it at least one');
  }
  return objective;
}

/**
 * The parameters before the last training, for pruners that look at what training did.
 *
 * @throws {PruningError} when they were not given, or lack a parameter
 */
export function requireBefore(pruner: string, context: PruningContext): Params {
  if (context.before === undefined) {
    throw new PruningError(
      pruner,
      'it compares with the parameters before the last training and got none',
      'pass { before }, or use sparseFlow, which does',
    );
  }
  return context.before;
}
