import { abs, add, div, maximum, mul, scaledErrorNorm, Tensor, type Tree } from '@sparseflow/tensor';
import type { Refuse } from './check.ts';
import type { Layout } from './layout.ts';
import { areTolerances, type Plan } from './plan.ts';
import type { Leaves } from './rungeKutta.ts';

/** A number, or a tree like the state of numbers, or of tensors that broadcast to its own. */
export type Tolerances = number | Tensor | readonly Tolerances[] | { readonly [key: string]: Tolerances };

/** One number, or a tensor of them that broadcasts to a leaf. */
export type Tolerance = Tensor | number;

/** Tolerances by leaf of the state. */
export interface LeafTolerances {
  readonly rtol: readonly Tolerance[];
  readonly atol: readonly Tolerance[];
}

/** What errors are measured by: the plan's numbers, or those of the leaves. */
export interface Scale {
  readonly plan: Pick<Plan, 'rtol' | 'atol'>;
  readonly tolerances?: LeafTolerances | undefined;
}

/**
 * Tolerances by leaf, if any of the two is more than a number.
 * @throws what `refuse` makes of what does not fit the state
 */
export async function tolerancesOf(
  { names, leaves }: Layout<Tree>,
  { rtol, atol }: { readonly rtol: Tolerances; readonly atol: Tolerances },
  refuse: Refuse,
): Promise<LeafTolerances | undefined> {
  if (typeof rtol === 'number' && typeof atol === 'number') return undefined;
  const flat = (node: Tolerances): Tolerance[] =>
    Object(node) !== node || node instanceof Tensor ? [node as Tolerance] : Object.values(node).flatMap(flat);
  const spread = async (name: 'rtol' | 'atol', given: Tolerances): Promise<Tolerance[]> => {
    const all = typeof given === 'number' ? leaves.map(() => given) : flat(given);
    const numbers = await Promise.all(all.map(async (x) => (x instanceof Tensor ? x.data() : [x])));
    if (all.length !== leaves.length || !numbers.every((values) => areTolerances(name, values)))
      throw refuse(`${name} does not fit the state (${names})`, 'give a positive number for each part');
    return all;
  };
  return { rtol: await spread('rtol', rtol), atol: await spread('atol', atol) };
}

/** Leaf `j` of a quantity over its tolerance, for a step from `a` to `b`. */
export function scaled(j: number, x: Tensor, a: Tensor, b: Tensor, { plan, tolerances }: Scale): Tensor {
  const size = mul(maximum(abs(a), abs(b)), tolerances?.rtol[j] ?? plan.rtol);
  return div(x, add(size, tolerances?.atol[j] ?? plan.atol));
}

/** The root mean square, over a group of leaves, of a quantity over its tolerances. */
export function scaledNorm(
  group: readonly number[],
  quantity: (leaf: number) => Tensor,
  a: Leaves,
  b: Leaves,
  scale: Scale,
): Tensor {
  const pick = (leaves: Leaves): Tensor[] => group.map((j) => leaves[j]!);
  if (!scale.tolerances) return scaledErrorNorm(group.map(quantity), pick(a), pick(b), scale.plan);
  const ratios = group.map((j) => scaled(j, quantity(j), a[j]!, b[j]!, scale));
  return scaledErrorNorm(ratios, ratios, ratios, { rtol: 0, atol: 1 });
}
