import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { createCpuBackend } from '@sparseflow/backend-cpu';
import { evaluateLogits } from '@sparseflow/cnf';
import type { NeuralOde } from '@sparseflow/cnf';
import { modes } from '@sparseflow/datasets';
import { encodeCheckpoint } from '@sparseflow/optim';
import { compact } from '@sparseflow/pruning';
import { disposeTree, key, tensor } from '@sparseflow/tensor';
import { createReferenceBackend } from '@sparseflow/tensor/reference';
import { regions, scatter } from './plot.ts';
import { dataOf, loadPretrained } from './pretrained.ts';
import { show } from './show.ts';

const folder = fileURLToPath(new URL('../checkpoints/', import.meta.url));
const names = ['gaussians-dense', 'gaussians-sparse', 'moons-dense', 'moons-sparse'];
const pathOf = (name: string): string => join(folder, `${name}.safetensors`);
const backend = createCpuBackend();

it('four models are there', () => {
  expect(readdirSync(folder).toSorted()).toEqual(names.map((name) => `${name}.safetensors`));
});

it.each(names)('%s is small, says what it is, and does what it says', async (name) => {
  expect(statSync(pathOf(name)).size).toBeLessThan(200_000);
  const pretrained = loadPretrained(pathOf(name), backend);
  const { about, params, masks } = pretrained;

  let left = 0;
  for (const [param, x] of Object.entries(params)) {
    const [values, mask] = [await x.data(), await masks[param]?.data()];
    values.forEach((value, i) => {
      if (mask?.[i] === 0) expect(Math.abs(value)).toBe(0);
      else left += 1;
    });
  }
  expect(left).toBe(about.parameters);
  expect(about.pruneRatio > 0).toBe(name.endsWith('sparse'));

  const { testNll, testAccuracy, picture } = await show(pretrained, backend);
  // Single precision, and solver steps within a tolerance of 1e-5 for flows, 1e-4 for classifiers. Losses of these are near
  // exp(-difference of the logits), so that an error of the logits is a relative one of the loss.
  const bound = about.task === 'density' ? 1e-3 : 0.05 * about.testNll;
  expect(Math.abs(testNll - about.testNll)).toBeLessThan(bound);
  if (about.task === 'classification') expect(testAccuracy).toBe(about.testAccuracy);
  expect(picture.split('\n')).toHaveLength(32);
  disposeTree([params, masks]);
});

it('samples of the sparse flow fall on the modes of the data', async () => {
  const { about, model, params } = loadPretrained(pathOf('gaussians-sparse'), backend);
  if (!('flow' in model)) throw new Error('no flow');
  const found = modes(dataOf(about).train);
  const x = await (await model.flow.sample(params, 3000, { key: key(1), backend })).data();
  const shares = found.map(() => 0);
  for (let i = 0; i < x.length; i += 2) {
    const near = found.findIndex(
      ({ mean, covariance }) => Math.hypot(x[i]! - mean[0]!, x[i + 1]! - mean[1]!) < 3 * Math.sqrt(covariance[0]!),
    );
    if (near >= 0) shares[near]! += 1 / 3000;
  }
  // Each of the six has a sixth of the data; a model with nothing between its modes would have 98.9 % within three deviations.
  for (const share of shares) expect(share).toBeGreaterThan(0.1);
  expect(shares.reduce((sum, share) => sum + share, 0)).toBeGreaterThan(0.85);
});

it('the sparse classifier can be made smaller for good, and decides the same', async () => {
  const { about, model, params, masks } = loadPretrained(pathOf('moons-sparse'), backend);
  if (!('classifier' in model)) throw new Error('no classifier');
  const small = await compact<NeuralOde>(model.classifier, params, masks);
  expect(small.sizes['layers.0']!).toBeLessThan(about.net.hidden);
  const { points } = dataOf(about).test;
  const [before, after] = [
    await evaluateLogits(model.classifier, params, points, { backend }),
    await evaluateLogits(small.model, small.params, points, { backend }),
  ];
  // Single precision, and steps by the tolerance of 1e-4.
  expect(Math.max(...before.map((value, i) => Math.abs(value - after[i]!)))).toBeLessThan(1e-2);
  disposeTree([params, masks, small.params, small.masks]);
});

it('a damaged file, and one that does not describe its model, are refused', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'pretrained-'));
  const reference = createReferenceBackend();
  try {
    const bytes = readFileSync(pathOf('moons-dense'));
    bytes[bytes.length - 1]! ^= 1;
    const damaged = join(directory, 'damaged.safetensors');
    writeFileSync(damaged, bytes);
    expect(() => loadPretrained(damaged, reference)).toThrow(/damaged\.safetensors/);
    const w = tensor([1], { backend: reference });
    const plain = join(directory, 'plain.safetensors');
    writeFileSync(plain, await encodeCheckpoint({ params: { w } }));
    expect(() => loadPretrained(plain, reference)).toThrow(/does not say which model/);
    w.dispose();
    expect(reference.liveBuffers()).toBe(0);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

it('plots show where things are', () => {
  // Two points in one cell, one in another: shades by the root of the share.
  expect(scatter([0.5, 0.5, 0.6, 0.6, -0.5, -0.5], 1, 4)).toBe('   @\n #');
  expect(regions([0, 1, 1, 0, 0, 1, 1, 0], 4, [0.6, 0.6, -0.6, -0.6], [0, 1], 1)).toBe(' ··o\nx··');
});
