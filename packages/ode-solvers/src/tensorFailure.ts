import type { SparseflowError } from '@sparseflow/tensor';
import { solveError } from './errors.ts';
import { report, type FailureFacts, type FailureKind } from './failure.ts';
import type { Leaves } from './rungeKutta.ts';

/** The numbers of all leaves. */
export const download = (leaves: Leaves): Promise<ArrayLike<number>[]> =>
  Promise.all(leaves.map((leaf) => leaf.data()));

/** Whether all numbers are finite. */
export function allFinite(parts: readonly ArrayLike<number>[]): boolean {
  return parts.every((values) => Array.prototype.every.call(values, Number.isFinite));
}

/** Names components like `y[1, 0]`, by the leaf's shape. */
export function componentName(names: readonly string[], y0: Leaves): (part: number, index: number) => string {
  return (part, index) => {
    const at: number[] = [];
    let rest = index;
    for (const n of [...y0[part]!.shape].reverse()) {
      at.unshift(rest % n);
      rest = Math.floor(rest / n);
    }
    return at.length === 0 ? names[part]! : `${names[part]}[${at.join(', ')}]`;
  };
}

/** The error of a solve that was not marched by a stepper. `slope` is the derivative at its last good state, where there is one. */
export async function failureAt(
  kind: FailureKind,
  where: string,
  { leaves, names }: { readonly leaves: Leaves; readonly names: readonly string[] },
  state: Leaves,
  slope: Leaves,
  facts: FailureFacts,
): Promise<SparseflowError> {
  const [now, initial, rates] = await Promise.all([state, leaves, slope].map(download));
  const measured =
    kind === 'state' || slope.length === 0
      ? { measure: 'state' as const, sizes: now! }
      : { measure: 'derivative' as const, sizes: rates! };
  const evidence = { ...measured, state: now!, initial: initial!, name: componentName(names, leaves) };
  return solveError(report(kind, where, facts, evidence));
}

/** @throws {NonFiniteStateError} when the result of a solve by fixed steps is not finite */
export async function requireFinite(
  where: string,
  layout: { readonly leaves: Leaves; readonly names: readonly string[] },
  y1: Leaves,
  facts: FailureFacts,
): Promise<void> {
  if (!allFinite(await download(y1))) throw await failureAt('state', where, layout, y1, [], facts);
}
