import { constants } from 'node:os';
import { getSystemErrorName } from 'node:util';
import { expect, test } from 'vitest';
import { asFileFailure } from './fileFailure.ts';

const refused = Object.assign(new Error('ENOSPC: no space left on device, write'), {
  code: 'ENOSPC',
  path: '/r/.a.tmp',
});

test('the system’s refusal becomes one line with what to do', () => {
  expect(asFileFailure(refused)!.message).toBe(
    'cannot write /r/.a.tmp: no space left on device (ENOSPC). To fix: free some space, then run the same command again.',
  );
});

test('a quota that is used up is known by whatever Node calls it', () => {
  const code = getSystemErrorName(-constants.errno.EDQUOT);
  expect(asFileFailure(Object.assign(new Error(code), { code, path: '/r/a' }))!.message).toMatch(
    /^cannot write \/r\/a: .* \((Unknown system error -\d+|EDQUOT)\)\. To fix: the disk quota is used up: free some space, then/,
  );
});

test('is found behind other errors, which know the file that was meant', () => {
  const wrapped = Object.assign(new Error('cannot write checkpoint', { cause: refused }), { path: '/r/a.safetensors' });
  const failure = asFileFailure(new Error('gaussians seed 0 dense', { cause: wrapped }))!;
  expect(failure.message).toContain('cannot write /r/a.safetensors: no space left on device (ENOSPC)');
  expect(asFileFailure(failure)).toBe(failure);
});

test.each([new Error('a bug'), Object.assign(new Error('gone'), { code: 'ENOENT' }), 'ENOSPC', undefined])(
  'other failures are left as they are: %s',
  (error) => expect(asFileFailure(error)).toBeUndefined(),
);
