import type { Backend, FloatDType } from '../index.ts';
import { SparseflowError } from '../index.ts';
import type { ConformanceCase } from './case.ts';
import type { Tolerance } from './compare.ts';
import { conformanceCases } from './cases.ts';

/** What a test runner must offer; vitest, jest and mocha do. */
export interface TestRunner {
  readonly describe: (name: string, body: () => void) => unknown;
  readonly it: (name: string, body: () => Promise<void>) => unknown;
}

/** A case that a backend is known to fail, and why that is accepted. */
export interface ConformanceException {
  /** The full name of one case, or an expression that several names match. */
  readonly case: string | RegExp;
  readonly reason: string;
}

export interface RegisterOptions {
  /** The floating types to check. */
  readonly dtypes: readonly FloatDType[];
  /** Known failures. Each must still fail, and name at least one case: the list cannot go stale unnoticed. */
  readonly exceptions?: readonly ConformanceException[];
  /** Replaces the default tolerances of a dtype. */
  readonly tolerance?: Partial<Readonly<Record<FloatDType, Tolerance>>>;
  /** The cases to register. Default: all of `conformanceCases`. */
  readonly cases?: readonly ConformanceCase[];
}

/** A listed exception that no longer applies. */
export class StaleExceptionError extends SparseflowError {
  constructor(what: string, remedy: string) {
    super('STALE_EXCEPTION', `conformance: ${what}`, remedy);
  }
}

/**
 * Registers every conformance case on a test runner, as one test each. The backend is created once, when the first test runs, so
 * that registering needs no device. A case on the list of exceptions is run too and passes only if it fails; its reason is part
 * of the test's name.
 *
 * @param createBackend may be asynchronous
 *
 * @example
 * ```ts
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 * import { registerConformance } from '@sparseflow/tensor/conformance';
 *
 * const names: string[] = [];
 * const runner = { describe: (_: string, body: () => void) => body(), it: (name: string) => names.push(name) };
 * registerConformance(runner, () => createReferenceBackend(), { dtypes: ['float64'], exceptions: [] });
 * console.log(names[0]); // 'neg · [3,5] · value · float64'
 * ```
 */
export function registerConformance(
  { describe, it }: TestRunner,
  createBackend: () => Backend | Promise<Backend>,
  { dtypes, exceptions = [], tolerance = {}, cases = conformanceCases() }: RegisterOptions,
): void {
  let backend: Promise<Backend> | undefined;
  const getBackend = (): Promise<Backend> => (backend ??= Promise.resolve(createBackend()));

  const chosen = cases.filter(({ dtype }) => dtype === 'int32' || dtypes.includes(dtype));
  const byOp = new Map<string, ConformanceCase[]>();
  for (const one of chosen) byOp.set(one.op, [...(byOp.get(one.op) ?? []), one]);

  for (const [op, group] of byOp) {
    describe(op, () => {
      for (const one of group) {
        const bound = one.dtype === 'int32' ? undefined : tolerance[one.dtype];
        const run = async (): Promise<void> => one.run(await getBackend(), bound ? { tolerance: bound } : {});
        const exception = exceptions.find((entry) => matches(entry, one));
        if (exception) it(`${one.name} (exception: ${exception.reason})`, () => mustFail(run, one));
        else it(one.name, run);
      }
    });
  }

  describe('exceptions', () => {
    it('each names a case', async () => {
      for (const entry of exceptions) {
        if (chosen.some((one) => matches(entry, one))) continue;
        throw new StaleExceptionError(`exception ${String(entry.case)} names no case`, 'correct its name or delete it');
      }
    });
  });
}

function matches(entry: ConformanceException, { name }: ConformanceCase): boolean {
  return typeof entry.case === 'string' ? entry.case === name : entry.case.test(name);
}

async function mustFail(run: () => Promise<void>, { name }: ConformanceCase): Promise<void> {
  try {
    await run();
  } catch {
    return;
  }
  throw new StaleExceptionError(
    `'${name}' is listed as an exception but passes`,
    'delete it from the list of exceptions',
  );
}
