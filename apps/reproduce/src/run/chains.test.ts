import { expect, test } from 'vitest';
import { planStudy } from '../plan.ts';
import { gaussians } from '../studies/gaussians.ts';
import { chainsOf } from './chains.ts';

test('a chain is one method of one seed, in the order of its rounds', () => {
  const points = planStudy(gaussians, { budget: 'quick', protocol: 'paper', seeds: [0, 1], backend: 'reference' });
  const chains = chainsOf(points);
  // Per seed the dense point and four methods.
  expect(new Set(chains.values()).size).toBe(2 * (1 + 4));
  const byAddress = new Map(points.map((point) => [point.address, point]));
  for (const chain of chains.values()) {
    const members = chain.map((address) => byAddress.get(address)!.config);
    expect(new Set(members.map(({ method, seed }) => `${method} ${seed}`)).size).toBe(1);
    expect(members.map(({ round }) => round)).toEqual(
      members.map((_, i) => i + (members[0]!.method === 'dense' ? 0 : 1)),
    );
  }
});
