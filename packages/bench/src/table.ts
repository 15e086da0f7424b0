import type { Report, Row } from './report.ts';

const COLUMNS: readonly { readonly title: string; readonly cell: (row: Row) => string; readonly left?: boolean }[] = [
  { title: 'case', cell: (row) => row.case, left: true },
  { title: 'operation', cell: (row) => row.op, left: true },
  { title: 'implementation', cell: (row) => row.implementation, left: true },
  { title: 'threads', cell: (row) => String(row.threads) },
  { title: 'ms', cell: (row) => row.ms.toPrecision(3) },
  { title: '±', cell: (row) => `${(100 * row.spread).toFixed(0)} %` },
  { title: 'GFLOP/s', cell: ({ gflops }) => (gflops === null ? '' : gflops.toFixed(gflops < 10 ? 1 : 0)) },
  { title: 'of peak', cell: ({ shareOfPeak }) => (shareOfPeak === null ? '' : `${(100 * shareOfPeak).toFixed(0)} %`) },
  { title: 'NFE', cell: ({ nfe }) => (nfe ? nfe.join('+') : '') },
  { title: 'error', cell: ({ error }) => (error === undefined ? '' : error.toExponential(1)) },
  {
    title: 'faster',
    cell: ({ speedups = {} }) =>
      Object.entries(speedups)
        .map(([than, times]) => `${times.toFixed(2)}× ${than}`)
        .join(', '),
    left: true,
  },
  { title: '', cell: ({ note }) => note ?? '', left: true },
];

/** The report as one table, with what was measured on above it and what could not be measured below. */
export function table({ suite, machine, peaks, rows, notes }: Report): string {
  const used = COLUMNS.filter(({ cell }) => rows.some((row) => cell(row) !== ''));
  const lines = [used.map(({ title }) => title), ...rows.map((row) => used.map(({ cell }) => cell(row)))];
  const widths = used.map((_, i) => Math.max(...lines.map((line) => line[i]!.length)));
  const format = (line: readonly string[]): string =>
    line
      .map((cell, i) => (used[i]!.left ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join('  ')
      .trimEnd();
  const peak = peaks.map((p) => `${p.implementation} × ${p.threads}: ${p.gflops.toFixed(0)}`).join(', ');
  return [
    `${suite} on ${machine.cpu}, ${machine.cores} cores, ${machine.platform}, Node ${machine.node}`,
    ...(peak === '' ? [] : [`peak in GFLOP/s, measured now: ${peak}`]),
    '',
    ...lines.map(format),
    ...(notes.length > 0 ? ['', ...notes] : []),
  ].join('\n');
}
