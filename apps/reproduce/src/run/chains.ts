import type { PlannedPoint } from '../plan.ts';

/**
 * The chain of each point: the points of one seed and method, in the order in which they continue from each other.
 *
 * @param points parents before children, as in a plan.
 * @returns addresses of the whole chain, for the address of each of its points; chains are shared objects.
 */
export function chainsOf(points: readonly PlannedPoint[]): ReadonlyMap<string, readonly string[]> {
  const chains = new Map<string, string[]>();
  const methodOf = new Map(points.map(({ address, config }) => [address, config.method]));
  for (const { address, config } of points) {
    const continues = config.parent !== null && methodOf.get(config.parent) === config.method;
    const chain = continues ? chains.get(config.parent)! : [];
    chain.push(address);
    chains.set(address, chain);
  }
  return chains;
}
