import { describe, expect, it } from 'vitest';
import type { Backend, FloatDType } from '../index.ts';
import { createReferenceBackend } from '../reference/index.ts';
import { conformanceCases, registerConformance } from './index.ts';
import type { ConformanceCase, ConformanceException } from './index.ts';

/** A runner that collects tests instead of running them. */
function register(
  cases: readonly ConformanceCase[],
  exceptions: readonly ConformanceException[],
  dtypes: readonly FloatDType[] = ['float64'],
): Map<string, () => Promise<void>> {
  const tests = new Map<string, () => Promise<void>>();
  const runner = {
    describe: (_: string, body: () => void) => body(),
    it: (name: string, body: () => Promise<void>) => tests.set(name, body),
  };
  registerConformance(runner, () => createReferenceBackend(), { dtypes, exceptions, cases });
  return tests;
}

const made = (
  name: string,
  run: (backend: Backend) => Promise<void>,
  dtype: FloatDType = 'float64',
): ConformanceCase => ({
  name,
  op: 'made up',
  order: 0,
  dtype,
  run,
});
const passing = made('passes', async () => {});
const failing = made('fails', async () => {
  throw new Error('as expected');
});

describe('registerConformance', () => {
  it('runs each case as a test', async () => {
    const tests = register([passing, failing], []);
    expect([...tests.keys()]).toEqual(['passes', 'fails', 'each names a case']);
    await tests.get('passes')!();
    await expect(tests.get('fails')!()).rejects.toThrow('as expected');
    await tests.get('each names a case')!();
  });

  it('turns a listed failure into a visible test that passes', async () => {
    const tests = register([passing, failing], [{ case: /^fail/, reason: 'no such hardware' }]);
    expect([...tests.keys()]).toEqual(['passes', 'fails (exception: no such hardware)', 'each names a case']);
    await tests.get('fails (exception: no such hardware)')!();
  });

  it('reports an exception that passes', async () => {
    const tests = register([passing], [{ case: 'passes', reason: 'outdated' }]);
    await expect(tests.get('passes (exception: outdated)')!()).rejects.toThrowErrorMatchingInlineSnapshot(
      `[StaleExceptionError: conformance: 'passes' is listed as an exception but passes. To fix: delete it from the list of exceptions.]`,
    );
  });

  it('reports an exception that names no case', async () => {
    const tests = register([passing], [{ case: 'misspelt', reason: 'outdated' }]);
    await expect(tests.get('each names a case')!()).rejects.toThrowErrorMatchingInlineSnapshot(
      `[StaleExceptionError: conformance: exception misspelt names no case. To fix: correct its name or delete it.]`,
    );
  });

  it('takes a whole name, not a part of it', async () => {
    const tests = register([passing], [{ case: 'pass', reason: 'too short' }]);
    expect(tests.has('passes')).toBe(true);
    await expect(tests.get('each names a case')!()).rejects.toThrow(/names no case/);
  });

  it('registers the dtypes asked for, and int32', () => {
    const single = [...register(conformanceCases(), [], ['float32']).keys()];
    expect(single.some((name) => name.endsWith('int32'))).toBe(true);
    expect(single.some((name) => name.endsWith('float32'))).toBe(true);
    expect(single.some((name) => name.endsWith('float64'))).toBe(false);
  });

  it('passes tolerances on', async () => {
    let seen: unknown;
    const one: ConformanceCase = { ...passing, run: async (_, options) => void (seen = options?.tolerance) };
    let test: (() => Promise<void>) | undefined;
    const runner = {
      describe: (_: string, body: () => void) => body(),
      it: (name: string, body: () => Promise<void>) => name === 'passes' && (test = body),
    };
    registerConformance(runner, createReferenceBackend, {
      dtypes: ['float64'],
      cases: [one],
      tolerance: { float64: [1, 2, 3, 4] },
    });
    await test!();
    expect(seen).toEqual([1, 2, 3, 4]);
  });

  it('creates one backend, when the first test runs', async () => {
    let created = 0;
    const tests: (() => Promise<void>)[] = [];
    const runner = {
      describe: (_: string, body: () => void) => body(),
      it: (_: string, body: () => Promise<void>) => tests.push(body),
    };
    const create = async (): Promise<Backend> => {
      created++;
      return createReferenceBackend();
    };
    registerConformance(runner, create, { dtypes: ['float64'], cases: [passing, { ...passing, name: 'again' }] });
    expect(created).toBe(0);
    for (const test of tests) await test();
    expect(created).toBe(1);
  });
});

describe('conformanceCases', () => {
  const cases = conformanceCases();

  it('have unique names', () => {
    expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length);
  });

  it('cover every order and dtype', () => {
    for (const dtype of ['float64', 'float32']) {
      for (const order of [0, 1, 2, 3]) {
        expect(cases.some((one) => one.dtype === dtype && one.order === order)).toBe(true);
      }
    }
  });
});
