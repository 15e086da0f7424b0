import { expect, test } from 'vitest';
import { samplePoint, sampleResult } from '../../test/sample.ts';
import type { Method } from '../study.ts';
import { contentOf } from './content.ts';
import { contributions } from './contribution.ts';
import { compare, findings } from './findings.ts';
import { rowsOf } from './rows.ts';
import { renderTable } from './table.ts';

/** Two ratios, three seeds, made so that every mean and difference is known. */
function knownResult() {
  const points = [0, 1, 2].flatMap((seed) => {
    const shift = 0.1 * seed;
    return [
      samplePoint('dense', 0, 0, seed, 1.3 + shift),
      samplePoint('unstructured', 0.2, 1, seed, 1.15 + shift + 0.001 * (seed - 1)),
      samplePoint('control', 0.2, 1, seed, 1.2 + shift),
      samplePoint('random', 0.2, 1, seed, 1.16 + shift + 0.05 * (seed - 1)),
    ];
  });
  return sampleResult(3, { points });
}

test('rows are means over seeds with the published values beside them', () => {
  const [dense, pruned] = rowsOf(knownResult());
  // Seeds differ by .1: s = .1, so the standard error is .1/√3.
  expect(dense!.testNll).toEqual({
    mean: expect.closeTo(1.4, 12),
    standardError: expect.closeTo(0.1 / Math.sqrt(3), 12),
    count: 3,
  });
  expect(dense!.paper).toEqual({ testNll: { mean: 1.309, standardError: null, count: 1 }, pruneRatio: 0 });
  expect(dense!.originalCode!.testNll.mean).toBeCloseTo((1.247 + 1.261 + 1.266) / 3, 12);
  expect(pruned!.method).toBe('unstructured');
  expect(pruned!.paper!.testNll.mean).toBe(1.163);
});

test('a published value stands in the nearest of our rows only, and only if that is near', () => {
  const at = (ratios: readonly number[]) => {
    const points = ratios.map((ratio, i) => samplePoint('unstructured', ratio, i + 1, 0, 1.2));
    return rowsOf(sampleResult(1, { points })).map(({ paper }) => paper?.pruneRatio);
  };
  // The paper has .2, .6, .7 and .9.
  expect(at([0.585, 0.614, 0.65, 0.7])).toEqual([undefined, 0.6, undefined, 0.7]);
});

test('differences are paired, so that what seeds share does not blur them', () => {
  const result = knownResult();
  const own = compare(result, 'unstructured', 'control', 0.2)!;
  expect(own.difference.mean).toBeCloseTo(-0.05, 12);
  // -.051, -.05, -.049: s = .001.
  expect(own.difference.standardError).toBeCloseTo(0.001 / Math.sqrt(3), 12);
  expect(compare(result, 'control', 'dense', 0.2)!.difference.mean).toBeCloseTo(-0.1, 12);
  expect(compare(result, 'structured', 'control', 0.2)).toBeUndefined();
});

test('a seed in which one side diverged is left out of the pairs', () => {
  const result = knownResult();
  const points = result.points.map((point) =>
    point.method === 'control' && point.seed === 1 ? samplePoint('control', 0.2, 1, 1, null) : point,
  );
  expect(compare({ ...result, points }, 'unstructured', 'control', 0.2)!.difference.count).toBe(2);
  expect(findings({ ...result, points }).join('\n')).toContain('Diverged, and in no mean: control at 20 % (seed 1).');
  expect(renderTable({ ...result, points })).toContain('(1 diverged)');
});

test('the sentences take the gain apart and judge by the paired interval', () => {
  // t(2) = 4.303: own ± .0025 (clear), random -.01 ± .049/√3 · 4.303 = .122 (unclear).
  expect(findings(knownResult())).toMatchInlineSnapshot(`
    [
      "Unstructured pruning at 20 % (its best validation NLL): −0.150 ± 0.001 nats against dense. Training on without pruning (control) gives −0.100 ± 0.000 nats; pruning itself contributes −0.050 ± 0.001 nats (better; 95 % interval ± 0.002). Against removing weights at random: −0.010 ± 0.028 nats (not distinguishable from zero; 95 % interval ± 0.122).",
      "Differences are of test NLL; lower is better. ± is the standard error over 3 seeds, paired seed by seed; 95 % intervals use Student’s t. The quick budget trains for fewer steps and prunes in fewer, larger rounds than the paper, so its likelihoods are not expected to match the paper’s; compare the rows with each other.",
    ]
  `);
});

test('a run that has not ended has error bars of the seeds that are there, not of those asked for', () => {
  const { points } = sampleResult(3);
  const text = (there: number): string =>
    findings(
      sampleResult(3, { partial: { planned: 51, missing: [] }, points: points.filter(({ seed }) => seed < there) }),
    ).join(' ');
  expect(text(2)).toContain('standard error over up to 2 seeds');
  expect(text(1)).toContain('one seed, so they have no error bars');
});

test('one seed gives numbers without error bars, and no judgement', () => {
  const text = findings(sampleResult(1)).join('\n');
  expect(text).toContain('one seed, so they have no error bars');
  expect(text).not.toMatch(/±|better;|worse;|distinguishable/);
  expect(renderTable(sampleResult(1, { paper: [] }))).not.toContain('±');
});

test('contributions have a line per ratio and pruner', () => {
  expect(contributions(knownResult())).toEqual([
    {
      'prune ratio': '20 %',
      method: 'unstructured',
      'against dense': '−0.150 ± 0.001',
      'control against dense': '−0.100 ± 0.000',
      'pruning itself': '−0.050 ± 0.001',
      'against random': '−0.010 ± 0.028',
      'against random neurons': '–',
    },
  ]);
});

test('contributions of the pruners that were asked for stand beside them', () => {
  const known = knownResult();
  const points = known.points.map((point) =>
    point.method === 'unstructured' ? { ...point, method: 'pruner:lamp' as const } : point,
  );
  expect(contributions({ ...known, points })).toEqual([{ ...contributions(known)[0], method: 'lamp' }]);
});

test('with random neurons, pruners are compared with them, too', () => {
  const known = knownResult();
  const neurons = [0, 1, 2].flatMap((seed) => [
    samplePoint('structured', 0.2, 1, seed, 1.18 + 0.1 * seed),
    samplePoint('pruner:random-neurons', 0.2, 1, seed, 1.19 + 0.1 * seed),
  ]);
  const result = { ...known, points: [...known.points, ...neurons] };
  const column = contributions(result).map((row) => [row.method, row['against random neurons']]);
  expect(column).toEqual([
    ['unstructured', '−0.040 ± 0.001'],
    ['structured', '−0.010 ± 0.000'],
    ['random-neurons', '–'],
  ]);
  expect(findings(result)[1]).toContain('Against removing neurons at random: −0.010 ± 0.000 nats');
  expect(renderTable(result)).toContain('| against random | against random neurons |');
  expect(renderTable(known)).not.toContain('random neurons');
});

test('table.md is a well-formed table with the paper, the difference and how it was run', () => {
  const text = renderTable(sampleResult(3));
  const lines = text.split('\n').filter((line) => line.startsWith('|'));
  const tables = [lines.slice(0, 10), lines.slice(10)];
  for (const table of tables) expect(new Set(table.map((line) => line.split('|').length)).size).toBe(1);
  expect(lines).toHaveLength(2 + 17 + 2 + 8);
  expect(text).toContain('| 0 % | dense | 642 | 20 |');
  // The error is ours: the paper prints none.
  expect(text).toMatch(/\| 1\.262 ± 0\.007 \| 1\.309 \| −0\.047 ± 0\.007 \|/);
  expect(renderTable(sampleResult(1))).toMatch(/\| 1\.262 \| 1\.309 \| −0\.047 \|/);
  expect(text).toContain('- command: `pnpm reproduce gaussians`');
  expect(text).not.toMatch(/undefined|NaN|null/);
});

test('a study without published numbers has no empty columns for them', () => {
  expect(renderTable(sampleResult(1, { paper: [] }))).not.toMatch(/\| paper \||original code|difference/);
});

test('a study of settings says which is the best by validation, and what the test set says of it', () => {
  const of = (variant: string, values: readonly [method: Method, validation: number, test: number | null][]) =>
    values.map(([method, validationNll, testNll]) => ({
      ...samplePoint(method, method === 'dense' ? 0 : 0.7, 1, 0, testNll),
      variant,
      validationNll,
    }));
  const points = [
    // The wide flow is better by the test set when pruned, the deep one by validation.
    ...of('wide', [
      ['dense', 1.2, 1.25],
      ['unstructured', 1.4, 1.1],
      ['control', 1.3, 1.2],
    ]),
    ...of('deep', [
      ['dense', 1.3, 1.35],
      ['unstructured', 1.15, 1.3],
      ['control', 1.1, null],
    ]),
  ];
  const [first] = contentOf(sampleResult(1, { points, variants: ['wide', 'deep'] })).says;
  expect(first).toBe(
    'The setting with the lowest validation NLL, with its test NLL in nats: wide among dense flows (1.250); deep at 70 % among flows pruned weight by weight (1.300); wide at 70 % among controls (1.200).',
  );
  expect(contentOf(sampleResult(1)).says.join()).not.toContain('The setting with');
});
