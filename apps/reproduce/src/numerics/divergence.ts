import {
  MaxStepsError,
  NonFiniteDerivativeError,
  NonFiniteStateError,
  StepSizeUnderflowError,
} from '@sparseflow/ode-solvers';
import { TrainingDivergedError } from '@sparseflow/optim';
import type { SparseflowError } from '@sparseflow/tensor';

/** Errors that say that the numbers broke down, not the program. */
const divergences = [
  TrainingDivergedError,
  NonFiniteStateError,
  NonFiniteDerivativeError,
  StepSizeUnderflowError,
  MaxStepsError,
] as const;

/** One line that says how a point diverged; undefined for other failures. */
export function divergenceReason(error: unknown): string | undefined {
  if (!divergences.some((kind) => error instanceof kind)) return undefined;
  return (error as SparseflowError).message.replace(/\. To fix: .*$/s, '').replaceAll(/\s+/g, ' ');
}
