import { registerConformance } from '@sparseflow/tensor/conformance';
import { describe, it } from 'vitest';
import { machines } from './available.ts';

describe.each(machines)('$name', ({ create }) => {
  registerConformance({ describe, it }, () => create({ threads: 2 }), {
    dtypes: ['float32', 'float64'],
    exceptions: [],
  });
});
