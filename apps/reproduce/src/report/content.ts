import type { Result } from '../results/schema.ts';
import type { Method } from '../study.ts';
import { randomNeurons } from '../study.ts';
import { bestSettings } from './bestSettings.ts';
import { cellsOf, usedColumns } from './cells.ts';
import { againstRandomNeurons, contributionColumns, contributions } from './contribution.ts';
import { findings } from './findings.ts';
import { measureContent } from './measures.ts';
import { rowsOf } from './rows.ts';
import { formatNumber } from './statistics.ts';
import { legend } from './table.ts';
import { byVariant } from './variants.ts';

/** A table as text. */
export interface Table {
  readonly title: string;
  /** What its columns mean; names in backquotes. */
  readonly note: string;
  readonly columns: readonly string[];
  readonly rows: readonly Readonly<Record<string, string>>[];
  /** The method of each row, for its colour; absent where rows are not of methods. */
  readonly methods?: readonly Method[];
}

/** What the report says of a study besides its figures, the same in table.md and on the page. */
export interface Content {
  /** Sentences that are computed from the data. */
  readonly says: readonly string[];
  readonly tables: readonly Table[];
}

/** Columns of words, which are aligned to the left. */
export const wordColumns: ReadonlySet<string> = new Set(['setting', 'method', 'measure', 'model']);

/** What the report says of a study. */
export function contentOf(result: Result): Content {
  const { says, tables } = result.measures === undefined ? likelihoodContent(result) : measureContent(result);
  const { others = [], notComparable: reason } = result;
  return {
    says,
    tables: [
      ...(reason === undefined ? tables : tables.map((table) => notComparable(table, reason))),
      ...(others.length > 0 ? [otherModels(result)] : []),
    ],
  };
}

/** A table with numbers of data that are not the paper's: nobody may take it without seeing so. */
function notComparable({ title, note, ...table }: Table, reason: string): Table {
  return {
    ...table,
    title: `${title} (not comparable with the paper)`,
    note: `Not comparable with the paper: ${reason} ${note}`,
    columns: table.columns.filter((column) => !/(^|: )difference$/.test(column)),
  };
}

/** What the paper prints of models that are not flows of its own. */
function otherModels({ others = [], measures, notComparable: reason }: Result): Table {
  const value = measures === undefined ? 'test NLL' : 'bits/dim';
  return {
    title: 'Other models, as printed in the paper',
    note: `Of the whole data set; none of them was run here.${reason === undefined ? '' : ` Not comparable with the tables above: ${reason}`} \`${value}\`: lower is better.`,
    columns: ['model', value, 'parameters'],
    rows: others.map(({ model, value: printed, parameters }) => ({
      model,
      [value]: formatNumber(printed, 2),
      parameters: parameters === null ? '–' : parameters.toLocaleString('en'),
    })),
  };
}

/** Of a study that is about likelihoods. */
function likelihoodContent(result: Result): Content {
  const parts = byVariant(result);
  const named = parts.length > 1;
  const all = parts.flatMap(({ label, part }) => rowsOf(part).map((row) => ({ label, row })));
  const columns = usedColumns(all.map(({ row }) => row));
  const setting = named ? ['setting'] : [];
  const neuronControl = result.points.some(({ method }) => method === randomNeurons);
  const best = named ? bestSettings(all) : undefined;
  const sentences = parts.flatMap(({ label, part }, i) =>
    findings(part)
      // The last sentence is about all of them.
      .filter((_, k, own) => k < own.length - 1 || i === parts.length - 1)
      .map((sentence, k, own) =>
        named && !(i === parts.length - 1 && k === own.length - 1) ? `${label}: ${sentence}` : sentence,
      ),
  );
  return {
    says: best === undefined ? sentences : [best, ...sentences],
    tables: [
      {
        title: 'What pruning contributes',
        note: `Differences of test NLL in nats; negative is better. \`pruning itself\` is the pruned flow minus the control, which was trained as long without pruning. \`against random\` is minus the flow without as many weights, drawn at random${neuronControl ? `; what a pruner of neurons is worth, \`${againstRandomNeurons}\` says` : ''}.`,
        columns: [...setting, ...contributionColumns, ...(neuronControl ? [againstRandomNeurons] : [])],
        rows: parts.flatMap(({ label, part }) => contributions(part).map((row) => ({ setting: label, ...row }))),
      },
      {
        title: 'All numbers',
        note: legend(result),
        columns: [...setting, ...columns],
        rows: all.map(({ label, row }) => ({ setting: label, ...cellsOf(row) })),
        methods: all.map(({ row }) => row.method),
      },
    ],
  };
}
