import { DataFileError } from '../errors.ts';
import { csvPieces, decimal } from '../formats/csv.ts';
import { npyTable } from '../formats/npy.ts';
import { pickleError } from '../formats/npyHeader.ts';
import type { Table } from '../formats/table.ts';
import { columnMoments, finite, normalised, pickColumns, tenths } from '../preparation/passes.ts';
import type { ColumnScaling } from '../rows/rows.ts';
import type { StoredFile } from '../storage/storage.ts';
import type { DatasetDefinition, Preparation, PreparedFacts } from './definition.ts';
import { excerpt } from './excerpt.ts';
import { mafArchive } from './mafArchive.ts';

const ROWS = 1_052_065;
const COLUMNS = 8;
/** A column that is correlated more with another than this is dropped. */
const CORRELATED = 0.98;

/** What makes the accepted npy file of the archive's pickle. */
const CONVERSION = `python -c "import numpy, pandas; numpy.save('ethylene_CO.npy', pandas.read_pickle('ethylene_CO.pickle').drop(columns=['Meth', 'Eth', 'Time']).to_numpy('<f8'))"`;

/**
 * Of the sensors' columns (without Meth, Eth and Time), the first that is correlated with another is dropped, until none is; columns by the
 * mean and standard deviation (ddof 1) of all rows (Papamakarios et al. 2017).
 */
export const gasDefinition: DatasetDefinition = {
  name: 'gas',
  description: 'readings of chemical sensors in mixtures of gases',
  dim: COLUMNS,
  rows: [852_174, 94_685, 105_206],
  licence: 'UCI: CC BY 4.0',
  citation: 'Fonollosa et al. 2015; Papamakarios et al. 2017',
  downloads: [mafArchive('gas/ethylene_CO.pickle')],
  forms: [
    {
      files: ['gas/ethylene_CO.npy'],
      async prepare(preparation) {
        const table = finite(await npyTable(preparation.files[0]!));
        const remedy = `make it again without the columns Meth, Eth and Time: ${CONVERSION}`;
        return { ...(await prepare(table, preparation, remedy)), ...excerpt(table.rows, ROWS) };
      },
    },
    {
      files: ['gas/ethylene_CO.pickle'],
      conversion: CONVERSION,
      async prepare({ files }) {
        throw pickleError(files[0]!.path, CONVERSION);
      },
    },
    {
      files: ['gas_surrogate/AirQualityUCI.csv'],
      async prepare(preparation) {
        const [file] = preparation.files;
        const table = await preparation.spool(file!.path, AIR_QUALITY.length, airQualityPieces(file!));
        const facts = await prepare(table, preparation, 'get the file again');
        return { ...facts, reason: 'sensors of UCI Air Quality in place of GAS, another data set' };
      },
    },
  ],
};

/** @param remedy - What to do about a table with another number of columns that are not correlated. */
async function prepare(table: Table, { write }: Preparation, remedy: string): Promise<PreparedFacts> {
  const { trainEnd, validationEnd } = tenths(table);
  const all = await columnMoments(table, 0, table.rows, 1);
  const kept = uncorrelated(await correlations(table, all), table.columns);
  if (kept.length !== COLUMNS) {
    const what = `${kept.length} of its ${table.columns} columns are left instead of ${COLUMNS}`;
    throw new DataFileError('columns', table.path, what, remedy);
  }
  const part = (first: number, end: number) =>
    [{ count: end - first, dim: COLUMNS }, normalised(table, all, first, end, kept)] as const;
  await write('train', ...part(0, trainEnd));
  await write('validation', ...part(trainEnd, validationEnd));
  await write('test', ...part(validationEnd, table.rows));
  return { scaling: pickColumns(all, kept) };
}

async function correlations(table: Table, { mean, std }: ColumnScaling): Promise<Float64Array> {
  const { rows, columns } = table;
  const products = new Float64Array(columns * columns);
  for await (const piece of table.pass()) {
    for (let k = 0; k < piece.length; k += columns) {
      for (let i = 0; i < columns; i++) {
        const deviation = (piece[k + i]! - mean[i]!) / std[i]! / (rows - 1);
        for (let j = 0; j < columns; j++) {
          products[i * columns + j]! += (deviation * (piece[k + j]! - mean[j]!)) / std[j]!;
        }
      }
    }
  }
  return products;
}

/** The columns that are left. Dropping one changes no other's correlations, so that one matrix serves all rounds. */
function uncorrelated(matrix: Float64Array, columns: number): number[] {
  let kept = Array.from({ length: columns }, (_, j) => j);
  for (;;) {
    const drop = kept.find((i) => kept.some((j) => j !== i && matrix[i * columns + j]! > CORRELATED));
    if (drop === undefined) return kept;
    kept = kept.filter((j) => j !== drop);
  }
}

/** Five gas sensors, temperature, relative and absolute humidity. */
const AIR_QUALITY = [2, 5, 7, 9, 10, 11, 12, 13];
const NOT_MEASURED = -200;

function airQualityPieces(file: StoredFile): AsyncIterable<Float64Array> {
  return csvPieces(file, {
    delimiter: ',',
    headerLines: 1,
    fields: [14],
    columns: AIR_QUALITY.length,
    row(fields) {
      const values = AIR_QUALITY.map((j) => (fields[j] === '' ? NOT_MEASURED : decimal(fields[j]!)));
      return values.includes(NOT_MEASURED) ? undefined : values;
    },
  });
}
