import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { enableSoftwareWebGpu } from '../../../test-support/environment.ts';
import { installNodeWebGpu } from './index.ts';

const scope = globalThis as { navigator?: { gpu?: object } };
let had: PropertyDescriptor | undefined;

beforeEach(() => {
  had = Object.getOwnPropertyDescriptor(globalThis, 'navigator');
});

afterEach(() => {
  if (had) Object.defineProperty(globalThis, 'navigator', had);
  else delete scope.navigator;
});

describe('installNodeWebGpu', () => {
  it('leaves a navigator.gpu that is there alone', async () => {
    const gpu = {};
    Object.defineProperty(globalThis, 'navigator', { value: { gpu }, configurable: true });
    expect(await installNodeWebGpu()).toBe(false);
    expect(scope.navigator?.gpu).toBe(gpu);
  });

  it('installs one, once', async () => {
    enableSoftwareWebGpu();
    Object.defineProperty(globalThis, 'navigator', { value: undefined, configurable: true, writable: true });
    expect(await installNodeWebGpu()).toBe(true);
    expect(scope.navigator?.gpu).toHaveProperty('requestAdapter');
    expect(await installNodeWebGpu()).toBe(false);
  });
});
