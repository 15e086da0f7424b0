import { afterEach, expect, test, vi } from 'vitest';
import { chromiumPath, enableSoftwareWebGpu, requireOrExplain } from './environment.ts';

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

// Where one of these is missing the tests that need it are left out, and this is where that is said; with CI=true it fails.
test('Chromium runs the browser tests', () => {
  requireOrExplain('Chromium', chromiumPath() !== undefined);
});

test('a software adapter runs the tests of WebGPU in Node', () => {
  requireOrExplain('WebGPU in Node', enableSoftwareWebGpu());
});

test('what is missing is named with its remedy, and is an error in CI', () => {
  const write = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  const line = 'not used: a thing, so its tests do not run. To get it: apt-get install chromium libvulkan1';
  vi.stubEnv('CI', '');
  expect(requireOrExplain('a thing', false)).toBe(false);
  expect(write.mock.calls).toEqual([[`${line}\n`]]);
  vi.stubEnv('CI', 'true');
  expect(() => requireOrExplain('a thing', false)).toThrow(line);
  expect(requireOrExplain('a thing', true)).toBe(true);
});
