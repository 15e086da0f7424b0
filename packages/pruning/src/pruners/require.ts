import type { Key, Params } from '@sparseflow/tensor';
import { PruningError } from '../errors.ts';
import type { Objective } from '../objective.ts';
import type { Pruner, PruningContext } from '../pruner.ts';

/** Of a context, what has to be given. */
type Given = Partial<Pick<PruningContext, 'key' | 'objective' | 'before'>>;

/**
 * The random key of a pruning, for pruners that draw.
 *
 * @throws {PruningError} when none was given
 */
export function requireKey(pruner: string, context: Given): Key {
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
export function requireObjective(pruner: string, context: Given): Objective {
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
  const { rows = 1 } = objective;
  if (!(Number.isSafeInteger(rows) && rows > 0)) {
    throw new PruningError(pruner, `batches of the objective have ${rows} rows`, 'say how many samples a batch has');
  }
  return objective;
}

/**
 * The parameters before the last training, for pruners that look at what training did.
 *
 * @throws {PruningError} when they were not given, or lack a parameter
 */
export function requireBefore(pruner: string, context: Given): Params {
  if (context.before === undefined) {
    throw new PruningError(
      pruner,
      'it compares with the parameters before the last training and got none',
      'pass { before }, or use sparseFlow, which does',
    );
  }
  return context.before;
}

/**
 * What each weight is multiplied with, for pruners that look at activations.
 *
 * @throws {PruningError} when no objective was given, or it knows no activations
 */
export function requireInputs(pruner: string, context: Given): NonNullable<Objective['inputs']> {
  const objective = requireObjective(pruner, context);
  if (!objective.inputs) {
    throw new PruningError(
      pruner,
      'the objective has no inputs',
      'give it a function that returns what each weight is multiplied with: objectiveOf(loss, batches, inputs)',
    );
  }
  return (params, batch) => objective.inputs!(params, batch);
}

const requirements = {
  key: requireKey,
  objective: requireObjective,
  inputs: requireInputs,
  before: requireBefore,
} as const;

/** Checks that all is there that a pruner says it needs. @throws {PruningError} */
export function checkNeeds({ name, needs = [] }: Pick<Pruner, 'name' | 'needs'>, given: Given): void {
  for (const need of needs) {
    if (!Object.hasOwn(requirements, need)) {
      throw new PruningError(
        name,
        `it needs '${need}', which is not known`,
        `use ${Object.keys(requirements).join(', ')}`,
      );
    }
    requirements[need](name, given);
  }
}
