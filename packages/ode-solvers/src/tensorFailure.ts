import type { SparseflowError, TypedArray } from '@sparseflow/tensor';
import { solveError } from './errors.ts';
import { report, type FailureFacts, type FailureKind } from './failure.ts';
import type { Leaves } from './rungeKutta.ts';

/** The numbers of all leaves. */
export const download = (leaves: Leaves): Promise<TypedArray[]> => Promise.all(leaves.map((leaf) => leaf.data()));

/** Whether all numbers are finite. */
export function allFinite(parts: readonly TypedArray[]): boolean {
  return parts.every((values) => values.every(Number.isFinite));
}

/** Whether all numbers of all leaves are finite. */
export const areFinite = async (leaves: Leaves): Promise<boolean> => allFinite(await download(leaves));

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

/**
 * The error of a solve that was not marched by a stepper. `broken` is what is not as it should be: the derivative at the last good
 * state, or where the state is at fault the next one; nothing if that is the last good one itself.
 */
export async function failureAt(
  kind: FailureKind,
  where: string,
  { leaves, names }: { readonly leaves: Leaves; readonly names: readonly string[] },
  state: Leaves,
  broken: Leaves,
  facts: FailureFacts,
): Promise<SparseflowError> {
  const [now, initial, found] = await Promise.all([state, leaves, broken].map(download));
  const measure = kind === 'state' || broken.length === 0 ? 'state' : 'derivative';
  const sizes = broken.length === 0 ? now! : found!;
  const evidence = { measure, sizes, state: now!, initial: initial!, name: componentName(names, leaves) } as const;
  return solveError(report(kind, where, facts, evidence));
}
