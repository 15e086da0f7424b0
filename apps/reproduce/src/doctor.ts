import { parseArgs } from 'node:util';
import { examine, examinedNames, type Finding } from './doctor/examine.ts';
import { showExamining } from './doctor/progress.ts';
import { textOf } from './doctor/textOf.ts';
import { UsageError } from './errors.ts';

const usage = `Usage: pnpm run doctor [--backend NAME]… [--quick] [--json]

Says which backends work on this machine, why the others do not, what to install, and to which order of derivatives each operation
agrees with the reference backend (one case of the conformance suite, on tiny shapes, for each operation and order).

  --backend NAME  only this one; may be repeated: ${examinedNames.join(', ')}
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
  const unknown = backend.find((name) => !(examinedNames as readonly string[]).includes(name));
  if (unknown !== undefined)
    throw new UsageError(`--backend ${unknown} is unknown`, `use one of: ${examinedNames.join(', ')}`);
  const findings: Finding[] = [];
  for (const name of examinedNames) {
    if (backend.length > 0 && !backend.includes(name)) continue;
    const shown = showExamining(process.stderr, name);
    const finding = await examine(name, { onOperation: shown.operation, ...(quick ? { cases: [] } : {}) });
    shown.end();
    findings.push(finding);
    if (!json) process.stdout.write(textOf(finding));
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

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 2;
}
