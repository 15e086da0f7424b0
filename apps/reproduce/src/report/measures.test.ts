import { expect, test } from 'vitest';
import { samplePoint, sampleResult } from '../../test/sample.ts';
import type { Result } from '../results/schema.ts';
import { measureContent } from './measures.ts';

/** What is said of modes, where the dense flow and a pruned one have samples near so many. */
function saysOf(analysis: NonNullable<Result['analysis']>, dense: number, pruned: number): readonly string[] {
  const captured = (value: number) => ({ quantities: { captured: { value, standardError: null } } });
  const points = [
    { ...samplePoint('dense', 0, 0, 0, 1), ...captured(dense) },
    { ...samplePoint('structured', 0.6, 1, 0, 1), ...captured(pruned) },
  ];
  return measureContent(sampleResult(1, { analysis, points, measures: [] })).says;
}

test.each([
  ['sample-quality', 6, 6, 'no flow loses a mode: all have samples within 3σ of 6 modes, dense ones too.'],
  ['image-quality', 8, 10, 'dense flows have samples within 5σ of 8.0 modes; fewer than 10 have dense 0 % (seed 0).'],
  ['image-quality', 0, 0, 'no flow has a sample within 5σ of a mode.'],
] as const)('%s with %d and %d modes', (analysis, dense, pruned, sentence) => {
  expect(saysOf(analysis, dense, pruned)).toContain(sentence);
});
