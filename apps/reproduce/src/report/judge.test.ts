import { readFileSync } from 'node:fs';
import { JSDOM } from 'jsdom';
import * as v from 'valibot';
import { describe, expect, test } from 'vitest';
import { samplePoint, sampleResult } from '../../test/sample.ts';
import { resultSchema } from '../results/schema.ts';
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

test('one seed of one study says nothing to what three of another judge', () => {
  const one = { ...result(0.05, 0, 1), study: 'gaussians-spiral' };
  const both = { ...claim({}), studies: ['gaussians', 'gaussians-spiral'] };
  expect(judge([both], [result(-0.05, 0.001), one])[0]).toMatchObject({
    verdict: 'yes',
    evidence: [{ verdict: 'yes' }, { verdict: 'unjudged' }],
  });
});

test('pruners that disagree give a mixed verdict', () => {
  const both = result(-0.05, 0.001);
  const structured = [0, 1, 2].map((seed) => samplePoint('structured', 0.6, 1, seed, 1.4 + 0.1 * seed + 0.001 * seed));
  const [judgement] = judge([claim({})], [{ ...both, points: [...both.points, ...structured] }]);
  expect(judgement!.verdict).toBe('mixed');
  expect(judgement!.evidence.map(({ verdict }) => verdict)).toEqual(['yes', 'no']);
});

test('the very same numbers in every seed are no difference', () => {
  expect(judge([claim({})], [result(0, 0)])[0]!.verdict).toBe('no');
});

describe('what holds against dense flows', () => {
  /** Pruning gains .05 over dense; of the controls each gains so much, with little spread over seeds. */
  function beside(controls: Readonly<Partial<Record<'control' | 'random', number>>>) {
    const { points } = result(-0.05, 0.001);
    const others = Object.entries(controls).flatMap(([method, gain]) =>
      [0, 1, 2].map((seed) =>
        samplePoint(method as 'control' | 'random', 0.6, 1, seed, 1.3 + 0.1 * seed + gain + 0.002 * (seed - 1)),
      ),
    );
    return sampleResult(3, { points: [...points.filter(({ method }) => method !== 'control'), ...others] });
  }

  test.each([
    [{ control: 0, random: 0 }, 'yes', []],
    [{ control: 0, random: -0.05 }, 'matched', [{ baseline: 'random', verdict: 'open' }]],
    [{ control: -0.08, random: 0 }, 'matched', [{ baseline: 'control', verdict: 'no' }]],
    [{}, 'yes', []],
  ] as const)('beside controls that gain %j is judged: %s', (controls, verdict, matchedBy) => {
    expect(judge([claim({})], [beside(controls)])[0]).toMatchObject({ verdict, matchedBy });
  });

  test('is not called confirmed without the controls that match it', () => {
    const published = v.parse(
      resultSchema,
      JSON.parse(readFileSync(new URL('../../results-published/hessian/result.json', import.meta.url), 'utf8')),
    );
    const items = new JSDOM(renderSummary([published])).window.document.querySelectorAll('.claims > li');
    const verdicts = new Map([...items].map((item) => [item.querySelector('.claim')!.textContent, item]));
    for (const what of [
      'Pruned flows lie in flatter minima',
      'They lie in flatter minima than flows that are trained as long',
    ]) {
      const flat = [...verdicts].find(([says]) => says.startsWith(what))![1];
      expect(flat.getAttribute('data-verdict')).toBe('matched');
      expect(flat.querySelector('.verdict')!.textContent).toBe(
        'Confirmed, but not against every control (against pruning at random: not settled)',
      );
    }
    expect([...verdicts.keys()].join('\n')).toContain('flatter minima than flows that are pruned as much at random');
  });
});

test('other protocols bear on the claims, too, and say which they are', () => {
  const other = { ...result(0.05, 0.001), study: 'gaussians-converged', protocol: 'converged' } as const;
  const [judgement] = judge([claim({})], [result(-0.05, 0.001), other]);
  expect(judgement!.verdict).toBe('mixed');
  expect(judgement!.evidence.map(({ study, verdict }) => [study, verdict])).toEqual([
    ['gaussians', 'yes'],
    ['gaussians-converged', 'no'],
  ]);
  expect(judgement!.evidence[1]!.what).toContain('protocol converged');
});

test('numbers that are not comparable with the paper say so', () => {
  const [judgement] = judge([claim({})], [{ ...result(-0.05, 0.001), notComparable: 'an excerpt.' }]);
  expect(judgement!.evidence[0]!.what).toContain('not comparable with the paper');
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
