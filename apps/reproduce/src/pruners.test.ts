import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pruners } from '@sparseflow/pruning';
import { afterAll, describe, expect, test } from 'vitest';
import { UsageError } from './errors.ts';
import { planStudy } from './plan.ts';
import { loadPruner, resolvePruners } from './pruners.ts';
import { gaussians } from './studies/gaussians.ts';

const folder = mkdtempSync(join(tmpdir(), 'pruners-'));
afterAll(() => rmSync(folder, { recursive: true }));

function write(name: string, code: string): string {
  writeFileSync(join(folder, name), code);
  return `./${name}`;
}

const object = (name: string): string =>
  `{ name: '${name}', target: 'weights', scope: 'global', score: (params, { candidates }) => Object.fromEntries(candidates.map((n) => [n, new Array(params[n].size).fill(factor)])) }`;

describe('names', () => {
  test('built-in ones, once each, and all that the studies do not have anyway', async () => {
    const some = await resolvePruners(['snip', 'magnitude', 'snip'], folder);
    expect(some.map(({ name }) => name)).toEqual(['snip', 'magnitude']);
    expect((await loadPruner(some[0]!)).name).toBe('snip');
    const all = await resolvePruners(['all'], folder);
    expect(all).toHaveLength(pruners.length - 3);
    expect(await resolvePruners([], folder)).toEqual([]);
  });

  test('unknown', async () => {
    await expect(resolvePruners(['magnitud'], folder)).rejects.toThrow(UsageError);
    await expect(resolvePruners(['magnitud'], folder)).rejects.toThrow('--pruner magnitud is unknown');
  });
});

describe('files', () => {
  test('TypeScript with imports of its own, and JavaScript; the content is what counts', async () => {
    write('factor.ts', 'export const factor: number = 2;');
    const typed = write('typed.ts', `import { factor } from './factor.ts';\nexport const mine = ${object('typed')};`);
    const plain = write('plain.mjs', `const factor = 1;\nexport default ${object('plain')};`);
    const [first, second] = await resolvePruners([typed, plain], folder);
    expect([first!.name, second!.name]).toEqual(['typed', 'plain']);
    const params = { w: { size: 2 } } as unknown as Parameters<(typeof pruners)[0]['score']>[0];
    const context = { masks: {}, neurons: [], candidates: ['w'], key: undefined };
    expect(await (await loadPruner(first!)).score(params, context)).toEqual({ w: [2, 2] });
    write('factor.ts', 'export const factor: number = 3;');
    const [changed] = await resolvePruners([typed], folder);
    expect(changed!.source).not.toBe(first!.source);
    expect(await (await loadPruner(changed!)).score(params, context)).toEqual({ w: [3, 3] });
  });

  test.each([
    ['./nowhere.ts', '', 'there is no such file'],
    ['./broken.ts', 'export const = 1;', 'cannot be read'],
    ['./throws.mjs', "throw new Error('no\\nway');", 'fails when it is loaded: no way'],
    ['./none.mjs', 'export const a = 1;', 'exports no pruner'],
    [
      './two.mjs',
      `const factor = 1; export const a = ${object('a')}; export const b = ${object('b')};`,
      'exports 2 pruners',
    ],
    [
      './nan.mjs',
      `const factor = NaN; export const a = ${object('a')};`,
      "the score of 'layers.0.weight' at index 0 is NaN",
    ],
    [
      './short.mjs',
      "export const a = { name: 'a', target: 'neurons', scope: 'local', score: () => ({ 'layers.0': [1] }) };",
      "it gave 1 scores for 'layers.0', which has 8",
    ],
    [
      './bug.mjs',
      "export const a = { name: 'a', target: 'neurons', scope: 'local', score: (_, { groups }) => groups.length };",
      "fails on a small network: Cannot read properties of undefined (reading 'length'). To fix: fix the file (at Object.score",
    ],
    ['./taken.mjs', `const factor = 1; export const a = ${object('snip')};`, "'snip' is a built-in pruner"],
  ])('%s is refused', async (path, code, message) => {
    if (code) write(path.slice(2), code);
    await expect(resolvePruners([path], folder)).rejects.toThrow(UsageError);
    await expect(resolvePruners([path], folder)).rejects.toThrow(message);
  });

  test('two of one name are refused', async () => {
    const paths = [1, 2].map((i) => write(`same${i}.mjs`, `const factor = ${i}; export const a = ${object('same')};`));
    await expect(resolvePruners(paths, folder)).rejects.toThrow("two pruners are named 'same'");
  });
});

describe('plan', () => {
  const base = { budget: 'quick', protocol: 'paper', seeds: [0], backend: 'reference' } as const;
  const choice = { name: 'mine', source: 'a'.repeat(32), file: '/tmp/mine.mjs' };

  test('the points of a study stay the same, and each pruner gets a chain from the dense flow', () => {
    const without = planStudy(gaussians, base);
    const plan = planStudy(gaussians, { ...base, pruners: [choice] });
    expect(plan.slice(0, without.length)).toEqual(without);
    const chain = plan.slice(without.length);
    expect(chain.map(({ config }) => config.method)).toEqual(chain.map(() => 'pruner:mine'));
    expect(chain[0]!.config.parent).toBe(without[0]!.address);
    expect(chain[0]!.grandparent).toBeNull();
    expect(chain[1]!.grandparent).toBe(without[0]!.address);
    expect(chain[0]!.label).toContain('mine');
  });

  test('another content is another point, another place is not', () => {
    const addresses = (pruner: typeof choice) =>
      planStudy(gaussians, { ...base, pruners: [pruner] }).map(({ address }) => address);
    expect(addresses({ ...choice, file: '/elsewhere.mjs' })).toEqual(addresses(choice));
    expect(addresses({ ...choice, source: 'b'.repeat(32) })).not.toEqual(addresses(choice));
  });
});
