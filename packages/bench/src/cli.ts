#!/usr/bin/env node
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { workPrecision } from './ode/diagram.ts';
import { runSuite } from './run.ts';
import { SUITES, type Suite } from './report.ts';
import { table } from './table.ts';

const USAGE = `usage: pnpm bench [${SUITES.join('|')}] [--case NAME]… [--json] [--svg FILE]

--case  measure this case alone, by its name in the table (or memory, of step); may be repeated
--json  one JSON object on standard output instead of the table
--svg   also draw the work-precision diagram of the suite ode`;

/** `bench [suite]`: the table, or the report as JSON, on standard output; progress on standard error. */
async function main(args: readonly string[]): Promise<number> {
  const request = read(args);
  if (typeof request === 'string') {
    console.error(`bench: ${request}. ${USAGE}`);
    return 2;
  }
  const { suite, cases, json, svg, help } = request;
  if (help) {
    console.log(USAGE);
    return 0;
  }
  const report = await runSuite(suite, {
    ...(cases && { cases }),
    onProgress: (text) => process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${text}` : `${text}\n`),
  });
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  if (svg !== undefined) writeFileSync(svg, await workPrecision(report));
  console.log(json ? JSON.stringify(report) : table(report));
  return 0;
}

interface Request {
  readonly suite: Suite;
  readonly cases: readonly string[] | undefined;
  readonly json: boolean;
  readonly svg: string | undefined;
  readonly help: boolean;
}

/** The command line, or what is wrong with it. */
function read(args: readonly string[]): Request | string {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        case: { type: 'string', multiple: true },
        json: { type: 'boolean', default: false },
        svg: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    });
    const [suite = 'kernels'] = positionals;
    if (positionals.length > 1 || !(SUITES as readonly string[]).includes(suite)) {
      return `'${positionals.join(' ')}' is not a suite`;
    }
    if (values.svg !== undefined && suite !== 'ode') return '--svg draws the suite ode alone';
    return { suite: suite as Suite, cases: values.case, json: values.json, svg: values.svg, help: values.help };
  } catch (error) {
    return (error as Error).message;
  }
}

// Helper threads of the libraries that were measured must not keep the process.
process.exit(await main(process.argv.slice(2)));
