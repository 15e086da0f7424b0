import { modes } from '@sparseflow/datasets';
import { expect, test } from 'vitest';
import { samplePoint, sampleResult } from '../../test/sample.ts';
import { toyDataOf } from '../numerics/model.ts';
import { planStudy } from '../plan.ts';
import type { Result } from '../results/schema.ts';
import { modeCollapse } from '../studies/mode-collapse.ts';
import { measureContent } from './measures.ts';

type Measures = NonNullable<Result['measures']>;

/** What is counted, of data with so many modes. */
const counted = (value: number): Measures => [
  { name: 'captured', label: 'modes captured', about: '', digits: 1, most: [{ value }], published: [] },
];

/** What is said of modes, where the dense flow and a pruned one have samples near so many. */
function saysOf(
  analysis: NonNullable<Result['analysis']>,
  dense: number,
  pruned: number,
  measures: Measures,
): readonly string[] {
  const captured = (value: number) => ({ quantities: { captured: { value, standardError: null } } });
  const points = [
    { ...samplePoint('dense', 0, 0, 0, 1), ...captured(dense) },
    { ...samplePoint('structured', 0.6, 1, 0, 1), ...captured(pruned) },
  ];
  return measureContent(sampleResult(1, { analysis, points, measures })).says;
}

test.each([
  [
    'sample-quality',
    6,
    6,
    6,
    'no flow loses a mode: all have samples within 3σ of each of the 6 modes, dense ones too.',
  ],
  [
    'sample-quality',
    5,
    5,
    6,
    'dense flows have samples within 3σ of 5.0 of 6 modes; fewer than 6 have dense 0 % (seed 0), structured 60 % (seed 0).',
  ],
  [
    'image-quality',
    8,
    10,
    10,
    'dense flows have samples within 5σ of 8.0 of 10 modes; fewer than 10 have dense 0 % (seed 0).',
  ],
  ['image-quality', 0, 0, 10, 'no flow has a sample within 5σ of any of the 10 modes.'],
] as const)('%s with %d and %d of %d modes', (analysis, dense, pruned, all, sentence) => {
  expect(saysOf(analysis, dense, pruned, counted(all))).toContain(sentence);
});

test('where nobody knows how many modes there are, none is said to be lost or kept', () => {
  const [{ most: _, ...unknown }] = counted(6) as [Measures[number]];
  expect(saysOf('sample-quality', 5, 5, [unknown]).join('\n')).not.toMatch(/modes/);
});

test('there are as many modes as the data have classes', () => {
  const counts = modeCollapse.of.map((study) => {
    const [dense] = planStudy(study, { budget: 'smoke', protocol: 'paper', seeds: [0], backend: 'reference' });
    return { variant: study.name, value: modes(toyDataOf(dense!.config).train).length };
  });
  expect(modeCollapse.measures!.find(({ name }) => name === 'captured')!.most).toEqual(counts);
});
