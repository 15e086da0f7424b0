import type { CostReport } from './cost.ts';

/** A column: its title, what it takes of a report, and the decimals that it shows. */
type Column = readonly [title: string, of: (report: CostReport) => number | undefined, digits: number];

const columns: readonly Column[] = [
  ['parameters', ({ parameters }) => parameters, 0],
  ['non-zeros', ({ nonZeros }) => nonZeros, 0],
  ['bytes', ({ bytes }) => bytes, 0],
  ['NFE', ({ nfe }) => nfe, 1],
  ['multiply-adds × NFE', ({ multiplyAdds }) => multiplyAdds, 0],
  ['without zeros', ({ nonZeroMultiplyAdds }) => nonZeroMultiplyAdds, 0],
  ['ms', ({ milliseconds }) => milliseconds, 3],
];

/**
 * Costs before and after, as a Markdown table: a row for each report, and beside each number how many times less it is than in the first
 * row.
 *
 * @param reports Of {@link costReport}, by what they are called; the first is what the others are compared with.
 *
 * @example
 * ```ts
 * import { costReport, costTable, magnitude, prune } from '@sparseflow/pruning';
 * import { key, randomNormal } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 *
 * const dense = { weight: randomNormal(key(0), [16, 16], { backend: createReferenceBackend() }) };
 * const { masks } = await prune(dense, undefined, magnitude, { keep: 0.25 });
 * console.log(costTable({ dense: await costReport(dense), masked: await costReport(dense, masks) }));
 * // | masked | 256 | 64 (÷ 4.00) | …: only what is removed for good, by `compact`, has fewer parameters
 * ```
 */
export function costTable(reports: Readonly<Record<string, CostReport>>): string {
  const rows = Object.entries(reports);
  const first = rows[0]?.[1];
  // Where nothing was timed there is no such column.
  const used = columns.filter(([, of]) => rows.some(([, report]) => of(report) !== undefined));
  const cells = rows.map(([name, report]) => [name, ...used.map((column) => cellOf(column, report, first!))]);
  const rule = ['---', ...used.map(() => '---:')];
  return [['model', ...used.map(([title]) => title)], rule, ...cells]
    .map((line) => `| ${line.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`)
    .join('\n');
}

function cellOf([, of, digits]: Column, report: CostReport, first: CostReport): string {
  const [value, before] = [of(report), of(first)];
  if (value === undefined) return '–';
  const text = value.toLocaleString('en', { maximumFractionDigits: digits });
  return report === first || before === undefined || value === before
    ? text
    : `${text} (÷ ${(before / value).toFixed(2)})`;
}
