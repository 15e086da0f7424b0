import { expect, test } from 'vitest';
import { planStudy } from './plan.ts';
import { gaussians } from './studies/gaussians.ts';
import { studies } from './studies/index.ts';
import { budgets, toyKeepRatios } from './study.ts';

const base = { budget: 'quick', protocol: 'paper', seeds: 2, backend: 'reference' } as const;

test.each(studies.flatMap((study) => budgets.map((budget) => [study.name, budget, study] as const)))(
  '%s at %s: parents come first, addresses are unique, every pruned ratio has its control and random point',
  (_name, budget, study) => {
    const points = planStudy(study, { ...base, budget });
    const seen = new Set<string>();
    for (const { address, config } of points) {
      if (config.parent !== null) expect(seen).toContain(config.parent);
      expect(seen).not.toContain(address);
      seen.add(address);
    }
    const ratios = study.budgets[budget].keepRatios;
    expect(points).toHaveLength(2 * (1 + 4 * ratios.length));
    for (const seed of [0, 1]) {
      for (const method of ['unstructured', 'structured', 'random', 'control'] as const) {
        const chain = points.filter(({ config }) => config.seed === seed && config.method === method);
        expect(chain.map(({ pruneRatio }) => 1 - pruneRatio)).toEqual(ratios.map((ratio) => expect.closeTo(ratio, 8)));
        expect(chain.map(({ config }) => config.round)).toEqual(ratios.map((_, i) => i + 1));
      }
    }
    // Algorithm 1 prunes more each round, and what is drawn must be among what is computed.
    expect([...ratios].sort((a, b) => b - a)).toEqual(ratios);
    for (const ratio of study.budgets[budget].drawn) expect(ratios).toContain(ratio);
  },
);

test('a seed has one dense point, from which all its chains start', () => {
  const points = planStudy(gaussians, base);
  const dense = points.filter(({ config }) => config.method === 'dense');
  expect(dense.map(({ config }) => config.seed)).toEqual([0, 1]);
  const firsts = points.filter(({ config }) => config.round === 1);
  expect(new Set(firsts.map(({ config }) => config.parent))).toEqual(new Set(dense.map(({ address }) => address)));
});

test('more seeds keep the addresses of the points that were there', () => {
  const two = planStudy(gaussians, base).map(({ address }) => address);
  const three = planStudy(gaussians, { ...base, seeds: 3 }).map(({ address }) => address);
  expect(three.slice(0, two.length)).toEqual(two);
});

test('budget, protocol and backend change every address', () => {
  const addresses = [
    planStudy(gaussians, base),
    planStudy(gaussians, { ...base, budget: 'paper' }),
    planStudy(gaussians, { ...base, protocol: 'converged' }),
    planStudy(gaussians, { ...base, backend: 'tfjs-wasm' }),
  ].flatMap((points) => points.map(({ address }) => address));
  expect(new Set(addresses).size).toBe(addresses.length);
});

test('the control does not depend on how much the others prune', () => {
  const plan = gaussians.budgets.quick;
  const other = {
    ...gaussians,
    budgets: { ...gaussians.budgets, quick: { ...plan, keepRatios: [0.7, 0.6, 0.5], drawn: [] } },
  };
  const controls = (study: typeof gaussians) =>
    planStudy(study, { ...base, seeds: 2 })
      .filter(({ config }) => config.method === 'control' && config.seed === 1)
      .map(({ address }) => address);
  expect(controls(other)).toEqual(controls(gaussians));
});

test('the paper budget is the paper’s: ratios, epochs, batch, optimiser, solver', () => {
  // geomspace(.8, .2, 20) has the quotient (1/4)^(1/19); then steps of .02 down to .02.
  expect(toyKeepRatios).toHaveLength(29);
  expect(toyKeepRatios[1]).toBeCloseTo(0.8 * 0.25 ** (1 / 19), 12);
  expect(toyKeepRatios.slice(18)).toEqual([
    expect.closeTo(0.2 * 4 ** (1 / 19), 12),
    0.2,
    ...[0.18, 0.16, 0.14, 0.12, 0.1, 0.08, 0.06, 0.04, 0.02].map((x) => expect.closeTo(x, 12)),
  ]);
  const { seeds, epochs, batch, data } = gaussians.budgets.paper;
  expect({ seeds, epochs, batch, train: data.trainPerComponent, test: data.testPerComponent }).toEqual({
    seeds: 3,
    epochs: 100,
    batch: 1024,
    train: 2730,
    test: 1365,
  });
  expect(gaussians.optimiser).toEqual({ name: 'adamw', learningRate: 5e-3, weightDecay: 1e-5 });
  expect(gaussians.solver).toEqual({ method: 'dopri5', rtol: 1e-5, atol: 1e-5, adjoint: 'backsolve' });
});
