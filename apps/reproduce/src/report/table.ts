import { percent } from '../plan.ts';
import type { Machine, Result } from '../results/schema.ts';
import { formatDuration } from '../run/describe.ts';
import type { Table } from './content.ts';
import { contentOf, wordColumns } from './content.ts';
import { seedsThere } from './rows.ts';

/** How a study was run, as pairs of a name and a value. */
export function howItWasRun(result: Result): [name: string, value: string][] {
  const { machine, machines = [machine], run, settings } = result;
  return [
    ['command', run.command],
    [
      'budget',
      `${result.budget}, protocol ${result.protocol}, ${result.seeds.length} ${result.seeds.length === 1 ? 'seed' : 'seeds'}`,
    ],
    ['data', settings.data],
    [result.task === 'classification' ? 'classifier' : 'flow', settings.net],
    ['solver', settings.solver],
    ['optimiser', settings.optimiser],
    ['training', settings.training],
    ...(settings.analysis === undefined ? [] : ([['analysis', settings.analysis]] as [string, string][])),
    ['backend', result.backend],
    ['machine', machines.map(describeMachine).join('; ')],
    [
      'versions',
      Object.entries(result.versions)
        .map(([name, version]) => `${name} ${version}`)
        .join(', '),
    ],
    ['time', `${formatDuration(result.seconds)} of computing; ${describeRuns(result)}`],
    ['finished', run.finished],
  ];
}

/** How long it took from beginning to end. */
function describeRuns({ run, points }: Result): string {
  const { runs, wallSeconds, workers, kept } = run;
  const last = `${workers} ${workers === 1 ? 'worker' : 'workers'}`;
  const before = kept > 0 ? ` and kept ${kept} of ${points.length} points from before` : '';
  const took = formatDuration(wallSeconds);
  return runs === undefined
    ? `the last run took ${took} with ${last}${before}`
    : `${runs} runs took ${took} together; the last had ${last}${before}`;
}

/** A machine in one line. */
export function describeMachine({ cpu, cores, memoryGiB, platform }: Machine): string {
  return `${cpu}, ${cores} ${cores === 1 ? 'core' : 'cores'}, ${memoryGiB} GiB, ${platform}`;
}

/** What the columns of the table mean. */
export function legend(result: Result): string {
  const several = seedsThere(result) > 1;
  const published = result.paper.some(({ source }) => source === 'paper')
    ? ' `paper` is the value printed in the paper, `difference` is ours minus the paper’s, and ± in it ours: the paper prints none.'
    : '';
  const code = result.paper.some(({ source }) => source === 'original code')
    ? ' `original code` is what the authors’ published code gives when run.'
    : '';
  return `NLL is the exact-trace negative log-likelihood in nats per point${several ? ', mean ± standard error over seeds' : ''}.${published}${code} \`epochs\` counts from the random initialisation. \`NFE\` is the number of field evaluations per training step, forward + adjoint, in the last epoch. \`time\` is what all seeds of the row took together, without the rows they continue from.`;
}

/** The study's remarks, and where the published values come from, each source once. */
export function beforeComparing(result: Result): string[] {
  const sources = (['paper', 'original code'] as const).flatMap((source) => {
    const entries = result.paper.filter((entry) => entry.source === source);
    if (entries.length === 0) return [];
    const where = [...new Set(entries.map((entry) => entry.where))].join(', ');
    const notes = [...new Set(entries.map((entry) => entry.note))].flatMap((note) => {
      if (note === null) return [];
      const which = entries
        .filter((entry) => entry.note === note)
        .map(({ method, pruneRatio }) => `${method} ${percent(pruneRatio)} %`);
      return [`${which.join(', ')}: ${note}`];
    });
    return [`Values under “${source}”: ${[where, ...notes].join('; ')}.`];
  });
  return [...result.remarks, ...sources];
}

function markdownTable({ columns, rows }: Table): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [
    line(columns),
    line(columns.map((column) => (wordColumns.has(column) ? '---' : '---:'))),
    ...rows.map((row) => line(columns.map((column) => row[column]!.replaceAll('|', '\\|')))),
  ].join('\n');
}

/** What is missing of a result, in one sentence; undefined for one that is complete. */
export function whatIsMissing({ points, partial }: Result): string | undefined {
  if (partial === undefined) return undefined;
  const { planned, missing } = partial;
  const shown = missing.slice(0, 8).join(', ');
  const more = missing.length > 8 ? `, … (${missing.length - 8} more)` : '';
  return `Partial: ${points.length} of ${planned} points are there. Missing: ${shown}${more}.`;
}

/** The whole of table.md. */
export function renderTable(result: Result): string {
  const { says, tables } = contentOf(result);
  const notes = beforeComparing(result);
  const missing = whatIsMissing(result);
  return (
    [
      `# ${result.title} (${result.study})`,
      result.about,
      ...(missing === undefined ? [] : [`**${missing}**`]),
      '## What it says',
      says.map((sentence) => `- ${sentence}`).join('\n'),
      ...tables.flatMap((table) => [`## ${table.title}`, table.note, markdownTable(table)]),
      ...(notes.length > 0 ? ['## Before comparing', notes.map((note) => `- ${note}`).join('\n')] : []),
      '## How it was run',
      howItWasRun(result)
        .map(([name, value]) => `- ${name}: ${name === 'command' ? `\`${value}\`` : value}`)
        .join('\n'),
      '',
    ]
      .join('\n\n')
      .trimEnd() + '\n'
  );
}
