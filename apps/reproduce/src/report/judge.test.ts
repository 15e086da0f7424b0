import { describe, expect, test } from 'vitest';
import { samplePoint, sampleResult } from '../../test/sample.ts';
import { studies } from '../studies/index.ts';
import { claims } from './claims.ts';
import type { Claim } from './claims.ts';
import { judge } from './judge.ts';
import { renderSummary } from './summary.ts';

const claim = (test: Partial<Claim['test']>): Claim => ({
  says: 'Pruned flows are better.',
  where: 'Figure 4',
  studies: ['gaussians'],
  test: { quantity: 'testNll', better: 'lower', against: 'dense', at: 'best', ...test },
});

/** Three seeds; unstructured pruning differs from dense by `gain`, with a spread over seeds of `spread`. */
function result(gain: number, spread: number, seeds = 3) {
  const points = Array.from({ length: seeds }, (_, seed) => [
    samplePoint('dense', 0, 0, seed, 1.3 + 0.1 * seed),
    samplePoint('control', 0.6, 1, seed, 1.3 + 0.1 * seed),
    samplePoint('unstructured', 0.6, 1, seed, 1.3 + 0.1 * seed + gain + spread * (seed - 1)),
  ]).flat();
  return sampleResult(seeds, { points });
}

test.each([
  [-0.05, 0.001, 'yes'],
  [0.05, 0.001, 'no'],
  // t(2) = 4.303: ± 4.303 · .05/√3 = ± .124.
  [-0.05, 0.05, 'open'],
] as const)('a difference of %f with a spread of %f is judged: %s', (gain, spread, verdict) => {
  const [judgement] = judge([claim({})], [result(gain, spread)]);
  expect(judgement!.verdict).toBe(verdict);
  expect(judgement!.evidence).toHaveLength(1);
  expect(judgement!.evidence[0]!.text).toMatch(/^[+−]0\.050 nats \(95 % interval ± 0\.\d{3}, 3 seeds\)$/);
});

test('the direction is the claim’s', () => {
  expect(judge([claim({ better: 'higher' })], [result(-0.05, 0.001)])[0]!.verdict).toBe('no');
});

test('one seed gives a number and no verdict', () => {
  const [judgement] = judge([claim({})], [result(-0.05, 0, 1)]);
  expect(judgement).toMatchObject({ verdict: 'unjudged', evidence: [{ text: '−0.050 nats (one seed)' }] });
});

test('pruners that disagree give a mixed verdict', () => {
  const both = result(-0.05, 0.001);
  const structured = [0, 1, 2].map((seed) => samplePoint('structured', 0.6, 1, seed, 1.4 + 0.1 * seed + 0.001 * seed));
  const [judgement] = judge([claim({})], [{ ...both, points: [...both.points, ...structured] }]);
  expect(judgement!.verdict).toBe('mixed');
  expect(judgement!.evidence.map(({ verdict }) => verdict)).toEqual(['yes', 'no']);
});

test('what is neither there nor near is not judged', () => {
  expect(judge([claim({ at: 0.9 })], [result(-0.05, 0.001)])).toEqual([]);
  expect(judge([claim({ at: 0.62 })], [result(-0.05, 0.001)])).toHaveLength(1);
  expect(judge([claim({ against: 'random' })], [result(-0.05, 0.001)])).toEqual([]);
  expect(judge([claim({ quantity: 'λ max' })], [result(-0.05, 0.001)])).toEqual([]);
  expect(judge([claim({})], [])).toEqual([]);
});

describe('the paper’s claims', () => {
  const byName = new Map(studies.map((study) => [study.name, study]));
  test.each(claims)('$says', ({ studies: names, test: { quantity } }) => {
    expect(names.length).toBeGreaterThan(0);
    for (const name of names) {
      const study = byName.get(name);
      expect(study, name).toBeDefined();
      if (quantity !== 'testNll') expect(study!.measures?.map(({ label }) => label)).toContain(quantity);
    }
  });
});

test('the summary says how the claims came out, what was computed and on what', () => {
  const html = renderSummary([sampleResult(3)]);
  expect(html).toMatch(/Of \d claims on which there are data, /);
  expect(html).toContain('Example CPU @ 3 GHz');
  expect(html).toContain('51 models in 1 study');
  expect(html).not.toMatch(/undefined|NaN|null/);
  const partial = renderSummary([sampleResult(3, { partial: { planned: 60, missing: ['a'] } })]);
  expect(partial).toContain('still under way: gaussians');
  expect(renderSummary([sampleResult(1, { points: [] })])).toContain('There is not yet anything to compare.');
});
