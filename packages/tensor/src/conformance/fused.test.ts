import { afterAll, describe, expect, it } from 'vitest';
import { conformanceCases, registerConformance } from './index.ts';
import { createFusedReferenceBackend } from './testing/fusedReference.ts';

const fused = [
  'dualMlp',
  'linearCombination',
  'scaledErrorNorm',
  'adamUpdate',
  'rowDots',
  'scaleRows',
  'dualMlpWithVjp',
  'dualMlpStep',
  'dualMlpAdjointStep',
];
const calls = new Map<string, number>();
const backend = createFusedReferenceBackend((name) => calls.set(name, (calls.get(name) ?? 0) + 1));

describe('a backend with fused kernels', () => {
  registerConformance({ describe, it }, () => backend, {
    dtypes: ['float64', 'float32'],
    cases: conformanceCases().filter(({ op }) => fused.includes(op)),
  });

  afterAll(() => {
    for (const name of [...fused, 'dualMlpVjp', 'dualMlpJvp', 'dualMlpVjpJvp'])
      expect(calls.get(name) ?? 0, name).toBeGreaterThan(0);
  });
});
