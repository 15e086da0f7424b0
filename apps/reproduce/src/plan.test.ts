import { expect, test } from 'vitest';
import { planStudy } from './plan.ts';
import { gaussians } from './studies/gaussians.ts';
import { studies } from './studies/index.ts';
import type { Budget, FoundData, Study, TrainingStudy } from './study.ts';
import { budgets, fileDataOf, isAnalysis, isTraining, toyKeepRatios } from './study.ts';

const base = { budget: 'quick', protocol: 'paper', seeds: [0, 1], backend: 'reference' } as const;

const training = studies.filter(isTraining);
const analyses = studies.filter(isAnalysis);

const found: FoundData = { fingerprint: 'f00d', train: 10, validation: 5, test: 5, reason: null };
const files = (study: Study, budget: Budget) => (fileDataOf(study, budget) === undefined ? {} : { found });

test('other rows of a data set in files have other addresses, and without its files nothing is planned', () => {
  const power = studies.find(({ name }) => name === 'power')!;
  const addresses = (rows: FoundData): string[] =>
    planStudy(power, { ...base, found: rows }).map(({ address }) => address);
  expect(planStudy(power, base)).toEqual([]);
  const others = new Set(addresses({ ...found, fingerprint: 'beef' }));
  for (const address of addresses(found)) expect(others).not.toContain(address);
});

test('the tables’ studies are the paper’s at the paper budget', () => {
  const of = (name: string) => {
    const study = studies.find((one) => one.name === name) as TrainingStudy;
    const { epochs, batch, milestones, keepRatios, seeds, best, instead } = study.budgets.paper;
    expect([best, instead]).toEqual([true, undefined]);
    return [epochs, batch, milestones, keepRatios.length, keepRatios[0], keepRatios.at(-1), seeds];
  };
  expect(of('power')).toEqual([100, 10000, [90, 97], 8, 0.7, expect.closeTo(0.1, 12), 1]);
  expect(of('gas')).toEqual([30, 1000, [25, 28], 8, 0.7, expect.closeTo(0.1, 12), 1]);
  expect(of('hepmass')).toEqual([400, 10000, [250, 295], 12, 0.8, expect.closeTo(0.05, 12), 1]);
  expect(of('miniboone')).toEqual([400, 1000, [300, 350], 16, 0.8, expect.closeTo(0.01, 12), 3]);
  expect(of('bsds300')).toEqual([100, 10000, [96, 99], 8, 0.7, expect.closeTo(0.1, 12), 1]);
  for (const name of ['mnist', 'cifar10'])
    expect(of(name)).toEqual([50, 200, [45], 12, 0.8, expect.closeTo(0.05, 12), 1]);
});

test.each(training.flatMap((study) => budgets.map((budget) => [study.name, budget, study] as const)))(
  '%s at %s: parents come first, addresses are unique, every pruned ratio has its control and random point',
  (_name, budget, study) => {
    const points = planStudy(study, { ...base, budget, ...files(study, budget) });
    const seen = new Set<string>();
    for (const { address, config } of points) {
      if (config.parent !== null) expect(seen).toContain(config.parent);
      expect(seen).not.toContain(address);
      seen.add(address);
    }
    const ratios = study.budgets[budget].keepRatios;
    const labels = study.variants?.map(({ label }) => label) ?? [undefined];
    const flows = points.filter(({ config }) => config.method !== 'gaussian');
    expect(flows).toHaveLength(labels.length * 2 * (1 + 4 * ratios.length));
    const groups = labels.flatMap((label) => [0, 1].map((seed) => [label, seed] as const));
    for (const [label, seed] of groups) {
      for (const method of ['unstructured', 'structured', 'random', 'control'] as const) {
        const chain = points.filter(
          ({ config, variant }) => variant === label && config.seed === seed && config.method === method,
        );
        expect(chain.map(({ pruneRatio }) => 1 - pruneRatio)).toEqual(ratios.map((ratio) => expect.closeTo(ratio, 8)));
        expect(chain.map(({ config }) => config.round)).toEqual(ratios.map((_, i) => i + 1));
      }
    }
    // Algorithm 1 prunes more each round, and what is drawn must be among what is computed.
    expect([...ratios].sort((a, b) => b - a)).toEqual(ratios);
    for (const ratio of study.budgets[budget].drawn) expect(ratios).toContain(ratio);
  },
);

test.each(analyses.flatMap((study) => budgets.map((budget) => [study.name, budget, study] as const)))(
  '%s at %s: looks at models of other studies, with all that they continue from and nothing else',
  (_name, budget, study) => {
    const options = { ...base, ...files(study, budget), budget };
    const points = planStudy(study, options);
    const models = new Set(study.of.flatMap((of) => planStudy(of, options)).map(({ address }) => address));
    const seen = new Set<string>();
    for (const { address, config, prerequisite } of points) {
      if (config.parent !== null) expect(seen).toContain(config.parent);
      seen.add(address);
      expect(models.has(address)).toBe(prerequisite === true);
      expect(config.analysis === undefined).toBe(prerequisite === true);
    }
    expect(seen.size).toBe(points.length);
    const parents = new Set(points.map(({ config }) => config.parent));
    for (const { address, prerequisite } of points) if (prerequisite === true) expect(parents).toContain(address);
    const rows = points.filter(({ prerequisite }) => prerequisite !== true);
    for (const method of ['dense', ...study.budgets[budget].methods])
      expect(rows.map(({ config }) => config.method)).toContain(method);
    for (const { config } of rows) expect(config.draw).not.toBeNull();
  },
);

test('a seed has one dense point, from which all its chains start', () => {
  const points = planStudy(gaussians, base);
  const dense = points.filter(({ config }) => config.method === 'dense');
  expect(dense.map(({ config }) => config.seed)).toEqual([0, 1]);
  const firsts = points.filter(({ config }) => config.round === 1);
  expect(new Set(firsts.map(({ config }) => config.parent))).toEqual(new Set(dense.map(({ address }) => address)));
});

test('a setting that is another study’s own shares its points at the paper budget', () => {
  const paper = { ...base, budget: 'paper' } as const;
  const addressesOf = (name: string, label?: string): string[] =>
    planStudy(
      studies.find((study) => study.name === name)!,
      paper,
    )
      .filter(({ variant }) => variant === label)
      .map(({ address }) => address);
  const own = addressesOf('gaussians-spiral');
  expect(addressesOf('ablation-activation', 'sigmoid')).toEqual(own);
  expect(addressesOf('ablation-model', '4 × 64')).toEqual(own);
  expect(addressesOf('ablation-solver', 'dopri5, adjoint')).toEqual(own);
  expect(addressesOf('exact-trace', 'estimated trace')).toEqual(addressesOf('gaussians'));
  expect(addressesOf('exact-trace', 'exact trace')).not.toEqual(addressesOf('gaussians'));
});

test('more seeds keep the addresses of the points that were there', () => {
  const two = planStudy(gaussians, base).map(({ address }) => address);
  const three = planStudy(gaussians, { ...base, seeds: [0, 1, 2] }).map(({ address }) => address);
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

test.each([
  ['gaussians', '4b95ff571522526d86fe0d50edc4592b'],
  ['gaussians-spiral', '20a21b0752b6b40dbb5867678d7fddee'],
  ['spirals', '182c975fb95e0278aea08bb1332c4153'],
])('the paper’s dense point of %s keeps its address, and with it the days of computing behind it', (name, address) => {
  const study = studies.find((one) => one.name === name)!;
  const [dense] = planStudy(study, { budget: 'paper', protocol: 'paper', seeds: [0], backend: 'native' });
  expect(dense!.address).toBe(address);
  expect(dense!.folder).toBe(name);
});

test('the control does not depend on how much the others prune', () => {
  const plan = gaussians.budgets.quick;
  const other = {
    ...gaussians,
    budgets: { ...gaussians.budgets, quick: { ...plan, keepRatios: [0.7, 0.6, 0.5], drawn: [] } },
  };
  const controls = (study: TrainingStudy) =>
    planStudy(study, { ...base, seeds: [0, 1] })
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
  expect(gaussians.budgets.paper).toMatchObject({
    seeds: 3,
    epochs: 100,
    batch: 1024,
    data: { trainPerComponent: 2730, testPerComponent: 1365 },
  });
  expect(gaussians.optimiser).toEqual({ name: 'adamw', learningRate: 5e-3, weightDecay: 1e-5 });
  expect(gaussians.solver).toEqual({ method: 'dopri5', rtol: 1e-5, atol: 1e-5, adjoint: 'backsolve' });
});
