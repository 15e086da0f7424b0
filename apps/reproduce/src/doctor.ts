import { parseArgs } from 'node:util';
import { describeCpu } from '@sparseflow/backend-cpu';
import { createTfjsBackend } from '@sparseflow/backend-tfjs';
import type { Backend } from '@sparseflow/tensor';
import { SparseflowError } from '@sparseflow/tensor';
import { conformanceCases, type ConformanceCase, type Order } from '@sparseflow/tensor/conformance';
import { UsageError } from './errors.ts';
import { openBackend } from './numerics/backends.ts';
import { backendNames } from './options.ts';

/** Every backend that can be asked for by name, and the one of plain JavaScript that no study uses. */
const names = [...backendNames.filter((name) => name !== 'auto'), 'tfjs-cpu'] as const;
type Name = (typeof names)[number];

/** What a backend was found to do with one operation. */
interface Operation {
  readonly op: string;
  /** The highest order of derivatives to which it agrees with the reference; null where not even the value does. */
  readonly order: Order | null;
  /** The highest order that the suite asks for. */
  readonly asked: Order;
  /** What the first check that failed said. */
  readonly failure?: string;
}

/** What was found out about one backend on this machine. */
interface Finding {
  readonly name: Name;
  readonly usable: boolean;
  readonly reason?: string;
  readonly remedy?: string;
  readonly detail?: string;
  readonly dtypes?: readonly string[];
  /** Absent when operations were not tried. */
  readonly operations?: readonly Operation[];
}

const usage = `Usage: pnpm run doctor [--backend NAME]… [--quick] [--json]

Says which backends work on this machine, why the others do not, what to install, and to which order of derivatives each operation
agrees with the reference backend (one case of the conformance suite, on tiny shapes, for each operation and order).

  --backend NAME  only this one; may be repeated: ${names.join(', ')}
  --quick         does not try the operations
  --json          prints the findings as JSON, alone, on standard output
`;

/** @returns the exit code. */
async function main(args: readonly string[]): Promise<number> {
  const { backend = [], quick, json, help } = optionsOf(args);
  if (help) {
    process.stdout.write(usage);
    return 0;
  }
  const unknown = backend.find((name) => !(names as readonly string[]).includes(name));
  if (unknown !== undefined) throw new UsageError(`--backend ${unknown} is unknown`, `use one of: ${names.join(', ')}`);
  const findings: Finding[] = [];
  for (const name of names) {
    if (backend.length > 0 && !backend.includes(name)) continue;
    process.stderr.write(`trying ${name} …\n`);
    const finding = await examine(name, !quick);
    findings.push(finding);
    if (!json) process.stdout.write(linesOf(finding));
  }
  if (json)
    process.stdout.write(`${JSON.stringify({ schema: 1, node: process.version, backends: findings }, null, 2)}\n`);
  return 0;
}

function optionsOf(args: readonly string[]) {
  try {
    return parseArgs({
      args: args.filter((arg) => arg !== '--'),
      options: {
        backend: { type: 'string', multiple: true },
        quick: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values;
  } catch (error) {
    throw new UsageError((error as Error).message.split('. ')[0]!, 'see pnpm run doctor --help', { cause: error });
  }
}

async function examine(name: Name, tryOperations: boolean): Promise<Finding> {
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
    ...(tryOperations ? { operations: await operationsOf(backend) } : {}),
  };
}

/** The first case of each operation and order, in the backend's preferred floating type. */
async function operationsOf(backend: Backend): Promise<Operation[]> {
  const cases = new Map<string, ConformanceCase[]>();
  for (const one of conformanceCases()) {
    if (one.dtype !== backend.dtypes[0]) continue;
    const known = cases.get(one.op) ?? [];
    if (!known.some(({ order }) => order === one.order)) cases.set(one.op, [...known, one]);
  }
  const operations: Operation[] = [];
  for (const [op, all] of cases) {
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

function linesOf({ name, usable, reason, remedy, detail, dtypes, operations }: Finding): string {
  if (!usable) return `${name}: does not work here\n  why: ${reason}\n  to fix: ${remedy}\n`;
  const lines = [`${name}: works (${[detail, dtypes?.join(', ')].filter(Boolean).join('; ')})`];
  for (const order of [3, 2, 1, 0] as const) {
    const ops = operations?.filter((each) => each.order === order).map(({ op }) => op) ?? [];
    const what = order === 0 ? 'values, nothing to differentiate' : `derivatives to order ${order}`;
    if (ops.length > 0) lines.push(`  ${what}: ${ops.join(', ')}`);
  }
  for (const { failure } of operations ?? []) if (failure !== undefined) lines.push(`  fails: ${failure}`);
  return `${lines.join('\n')}\n`;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 2;
}
