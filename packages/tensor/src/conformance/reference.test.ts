import { describe, it } from 'vitest';
import { createReferenceBackend } from '../reference/index.ts';
import { registerConformance } from './index.ts';

describe('reference backend', () => {
  registerConformance({ describe, it }, createReferenceBackend, { dtypes: ['float64', 'float32'], exceptions: [] });
});
