import { createReferenceBackend } from '@sparseflow/tensor/reference';
import { dualPass, odeNet } from '@sparseflow/cnf';
import type { Backend, Params } from '@sparseflow/tensor';
import { neuronNorm } from '@sparseflow/pruning';
import { describe, expect, it } from 'vitest';
import { FIELDS, prepareField, TIME, type FieldCase } from './fields.ts';
import { paths } from './paths.ts';
import { disagreement } from './suites/kernels.ts';

const cases: readonly FieldCase[] = [
  { name: 'dense', net: { shape: 5, hidden: [24, 24], layer: 'concatsquash', activation: 'softplus' }, batch: 21 },
  {
    name: 'pruned',
    net: { shape: 5, hidden: [24, 24], layer: 'concatsquash', activation: 'softplus' },
    batch: 21,
    keep: 0.4,
  },
  {
    name: 'smaller',
    net: { shape: 5, hidden: [24, 24], layer: 'concatsquash', activation: 'softplus' },
    batch: 21,
    keep: 0.4,
    pruner: neuronNorm,
  },
  { name: 'images', net: { shape: [6, 6, 1], hidden: [16, 3], layer: 'concat', activation: 'softplus' }, batch: 3 },
];

/** Value, divergence, and the cotangents of the point and the parameters, those of weights that are pruned left out. */
async function results(field: FieldCase, backend: Backend): Promise<readonly ArrayLike<number>[]> {
  const problem = await prepareField(field, backend);
  const { value, divergence } = problem.forward();
  const { z, params: left } = problem.vjp();
  const params = problem.expand(left);
  const ofParams = Object.keys(params)
    .sort()
    .map((name) => {
      const weights = problem.params[name]!.dataSync();
      return Array.from(params[name]!.dataSync(), (v, i) => (weights[i] === 0 ? 0 : v));
    });
  return [...[value, divergence, z].map((x) => x.dataSync()), ...ofParams];
}

describe.each(cases)('a $name field', (field) => {
  it.each(paths().map((path) => [path.name, path.threads, path] as const))(
    'is evaluated by %s on %i threads as in float64',
    async (_name, _threads, path) => {
      const expected = await results(field, createReferenceBackend());
      // float32 against float64: sums of at most 9 · 16 products a layer and 108 positions a gradient, twice through three layers.
      expect(disagreement(await results(field, path.create()), expected)).toBeLessThan(2e-5);
    },
  );
});

it('a field without its removed neurons computes what the masked one does', async () => {
  const backend = createReferenceBackend();
  const smaller = cases.find(({ name }) => name === 'smaller')!;
  const { params, z, noise, forward, vjp, expand } = await prepareField(smaller, backend);
  const masked = dualPass(odeNet(smaller.net), params, TIME, z, noise);
  const { value } = forward();
  expect(disagreement([value.dataSync()], [masked.value.dataSync()])).toBeLessThan(1e-6);
  const shapes = (tree: Params): unknown =>
    Object.fromEntries(Object.entries(tree).map(([n, { shape }]) => [n, shape]));
  expect(shapes(expand(vjp().params))).toEqual(shapes(params));
});

/** The weights of a net's layers, first to last, by rows. */
function weightsOf(params: Params): number[][][] {
  const names = Object.keys(params).filter((name) => params[name]!.rank === 2);
  return names.sort().map((name) => {
    const [out, into] = params[name]!.shape as [number, number];
    const values = Array.from(params[name]!.dataSync());
    return Array.from({ length: out }, (_, r) => values.slice(r * into, (r + 1) * into));
  });
}

/** Weights that are not 0 and lead to a unit that is read: from the last layer back, a unit whose whole column is 0 has no row. */
function readWeights(params: Params): number {
  let read: (unit: number) => boolean = () => true;
  return weightsOf(params).reduceRight((sum, rows) => {
    const left = rows.filter((_, unit) => read(unit));
    read = (unit) => left.some((row) => row[unit] !== 0);
    return sum + left.flat().filter((v) => v !== 0).length;
  }, 0);
}

describe('the work of a field', () => {
  it('is counted by what is left of the weights', async () => {
    const backend = createReferenceBackend();
    const [dense, pruned, smaller, images] = await Promise.all(cases.map((field) => prepareField(field, backend)));
    expect(dense!.flops('forward')).toBe(2 * 2 * 21 * (5 * 24 + 24 * 24 + 24 * 5));
    expect(dense!.flops('vjp')).toBe(3 * dense!.flops('forward'));
    const size = Object.values(pruned!.params).reduce((sum, { size: n }) => sum + n, 0);
    const others = Object.entries(pruned!.params).reduce((sum, [, p]) => sum + (p.rank === 1 ? p.size : 0), 0);
    const all = weightsOf(pruned!.params).flat(2);
    expect(all.filter((v) => v !== 0)).toHaveLength(Math.floor(0.4 * size) - others);
    // Units that nothing reads are left out too.
    expect(pruned!.flops('forward')).toBe(2 * 2 * 21 * readWeights(pruned!.params));
    expect(smaller!.flops('forward')).toBe(2 * 2 * 21 * readWeights(smaller!.params));
    expect(images!.flops('forward')).toBe(2 * 2 * 3 * 36 * 9 * (16 + 16 * 3 + 3));
  });

  it('is that of the published net', async () => {
    const { params } = await prepareField(FIELDS[0]!, createReferenceBackend());
    // Of each unit also a bias, a gate of two numbers and a shift: 821K (Liebenwein et al. 2021, table 2).
    const expected = 43 * 860 + 860 * 860 + 860 * 43 + 4 * (860 + 860 + 43);
    expect(Object.values(params).reduce((sum, { size }) => sum + size, 0)).toBe(expected);
  });
});
