#!/usr/bin/env node
import { runSuite } from './run.ts';
import { SUITES, type Suite } from './report.ts';
import { table } from './table.ts';

const USAGE = `usage: pnpm bench [${SUITES.join('|')}] [--case NAME]… [--json]

--case  measure this case alone, by its name in the table (or memory, of step); may be repeated
--json  one JSON object on standard output instead of the table`;

/** `bench [suite] [--case NAME]… [--json]`: the table, or the report as JSON, on standard output; progress on standard error. */
async function main(args: readonly string[]): Promise<number> {
  if (args.includes('--help')) {
    console.log(USAGE);
    return 0;
  }
  const cases = args.filter((_, i) => args[i - 1] === '--case');
  const names = args.filter((arg, i) => arg !== '--json' && arg !== '--case' && args[i - 1] !== '--case');
  const suite = names[0] ?? 'kernels';
  if (names.length > 1 || !(SUITES as readonly string[]).includes(suite)) {
    console.error(`bench: '${names.join(' ')}' is not a suite. ${USAGE}`);
    return 2;
  }
  const report = await runSuite(suite as Suite, {
    ...(cases.length > 0 && { cases }),
    onProgress: (text) => process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${text}` : `${text}\n`),
  });
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  console.log(args.includes('--json') ? JSON.stringify(report) : table(report));
  return 0;
}

// Helper threads of the libraries that were measured must not keep the process.
process.exit(await main(process.argv.slice(2)));
