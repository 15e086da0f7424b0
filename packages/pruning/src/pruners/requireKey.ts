import type { Key } from '@sparseflow/tensor';
import { PruningError } from '../errors.ts';
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
