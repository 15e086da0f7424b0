import { conformanceCases, registerConformance } from '@sparseflow/tensor/conformance';
import { describe, expect, it } from 'vitest';
import type { TfjsBackend, TfjsBackendName } from '../src/index.ts';
import { failOnDeviceErrors } from './deviceErrors.ts';
import { exceptions } from './exceptions.ts';
import { kernelCases } from './kernelCases.ts';
import { registerLeakTests } from './leaks.ts';

/**
 * Everything that is asked of a tfjs backend, wherever it runs: conformance to order 3, kernels, memory, device errors. Derivatives are
 * made of the same kernels as values: where a device is slow, and its higher orders are tested elsewhere, `order` 1 is enough.
 */
export function registerBackendTests(
  name: TfjsBackendName,
  create: () => Promise<TfjsBackend>,
  { order = 3 } = {},
): void {
  if (name === 'webgpu') failOnDeviceErrors(create);

  const isConformance = new Set(conformanceCases().map((one) => one.name));
  const conformance = exceptions[name].filter((entry) => isConformance.has(String(entry.case)));
  const kernel = exceptions[name].filter((entry) => !conformance.includes(entry));

  describe('conformance', () => {
    const cases = conformanceCases().filter((one) => one.order <= order);
    registerConformance({ describe, it }, create, { dtypes: ['float32'], exceptions: conformance, cases });
  });

  describe('kernels', () => {
    it('exceptions each name a case', () => {
      const names = kernelCases.map((one) => one.name);
      for (const entry of kernel) expect(names).toContain(entry.case);
    });
    for (const { name: title, run } of kernelCases) {
      const exception = kernel.find((entry) => entry.case === title);
      if (!exception) it(title, async () => run(await create()));
      else
        it(`${title} (exception: ${exception.reason})`, async () => expect(run(await create())).rejects.toThrow(title));
    }
  });

  describe('memory', () => registerLeakTests(create));
}
