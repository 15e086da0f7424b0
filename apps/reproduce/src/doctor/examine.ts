import { describeCpu } from '@sparseflow/backend-cpu';
import { createTfjsBackend } from '@sparseflow/backend-tfjs';
import type { Backend } from '@sparseflow/tensor';
import { SparseflowError } from '@sparseflow/tensor';
import { conformanceCases, type ConformanceCase, type Order } from '@sparseflow/tensor/conformance';
import { openBackend } from '../numerics/backends.ts';
import { backendNames } from '../options.ts';

/** Every backend that can be asked for by name, and the one of plain JavaScript that no study uses. */
export const examinedNames = [...backendNames.filter((name) => name !== 'auto'), 'tfjs-cpu'] as const;
export type ExaminedName = (typeof examinedNames)[number];

/** What a backend was found to do with one operation. */
export interface Operation {
  readonly op: string;
  /** The highest order of derivatives to which it agrees with the reference; null where not even the value does. */
  readonly order: Order | null;
  /** The highest order that was tried. */
  readonly asked: Order;
  /** What the first check that failed said. */
  readonly failure?: string;
}

/** What was found out about one backend on this machine. */
export interface Finding {
  readonly name: ExaminedName;
  readonly usable: boolean;
  readonly reason?: string;
  readonly remedy?: string;
  readonly detail?: string;
  readonly dtypes?: readonly string[];
  /** Absent when operations were not tried. */
  readonly operations?: readonly Operation[];
}

export interface ExamineOptions {
  /** The checks to choose from; none: operations are not tried. Default: the conformance suite. */
  readonly cases?: readonly ConformanceCase[];
  /** Told of each operation before it is tried, and how many of all have been. */
  readonly onOperation?: (op: string, done: number, all: number) => void;
}

/** Opens a backend and tries its operations: one case of the suite, on tiny shapes, for each operation and order. */
export async function examine(
  name: ExaminedName,
  { cases = conformanceCases(), onOperation = () => undefined }: ExamineOptions = {},
): Promise<Finding> {
  let backend: Backend;
  try {
    backend = await (name === 'tfjs-cpu' ? createTfjsBackend('cpu') : openBackend(name));
  } catch (error) {
    if (!(error instanceof SparseflowError)) throw error;
    const reason = error.message.replace(/\. To fix: .*$/s, '');
    return { name, usable: false, reason, remedy: error.remedy };
  }
  return {
    name,
    usable: true,
    ...(name === 'native' || name === 'wasm' ? { detail: describeCpu({ path: name }).instructionSet } : {}),
    dtypes: backend.dtypes,
    ...(cases.length > 0 ? { operations: await operationsOf(backend, cases, onOperation) } : {}),
  };
}

/** The first case of each operation and order, in the backend's preferred floating type. */
async function operationsOf(
  backend: Backend,
  cases: readonly ConformanceCase[],
  onOperation: NonNullable<ExamineOptions['onOperation']>,
): Promise<Operation[]> {
  const chosen = new Map<string, ConformanceCase[]>();
  for (const one of cases) {
    if (one.dtype !== backend.dtypes[0]) continue;
    const known = chosen.get(one.op) ?? [];
    if (!known.some(({ order }) => order === one.order)) chosen.set(one.op, [...known, one]);
  }
  const operations: Operation[] = [];
  for (const [op, all] of chosen) {
    onOperation(op, operations.length, chosen.size);
    let order: Order | null = null;
    let failure: string | undefined;
    for (const one of all.toSorted((a, b) => a.order - b.order)) {
      try {
        await one.run(backend);
        order = one.order;
      } catch (error) {
        failure = `${one.name}: ${error instanceof Error ? error.message : String(error)}`;
        break;
      }
    }
    const asked = all.reduce<Order>((most, one) => (one.order > most ? one.order : most), 0);
    operations.push({ op, order, asked, ...(failure === undefined ? {} : { failure }) });
  }
  return operations;
}
