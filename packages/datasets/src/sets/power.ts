import { csvPieces, decimal } from '../formats/csv.ts';
import { npyTable } from '../formats/npy.ts';
import { whereIn, type Table } from '../formats/table.ts';
import { randomState, type RandomState } from '../preparation/mt19937.ts';
import { columnMoments, finite, normalised, requireColumns, tenths } from '../preparation/passes.ts';
import type { StoredFile } from '../storage/storage.ts';
import type { DatasetDefinition, Preparation, PreparedFacts } from './definition.ts';
import { excerpt } from './excerpt.ts';
import { mafArchive } from './mafArchive.ts';

const ROWS = 2_049_280;
const RAW_COLUMNS = 8;
const COLUMNS = 6;

/** Raw columns, in the archive's order. */
const ACTIVE = 0;
const VOLTAGE = 2;
const SUB_METERING = 4;
const TIME = 7;
/** Those that are kept. */
const KEPT = [ACTIVE, VOLTAGE, SUB_METERING, SUB_METERING + 1, SUB_METERING + 2, TIME];

/**
 * Rows shuffled, then active power, voltage, three sub-meterings and the time of the day, the discrete ones with uniform noise of about their
 * resolution; by the mean and standard deviation (ddof 0) of train and validation. Shuffle and noise are those of
 * `numpy.random.RandomState(42)` (Papamakarios et al. 2017).
 */
export const powerDefinition: DatasetDefinition = {
  name: 'power',
  description: 'electric power of a household, minute by minute over four years',
  dim: COLUMNS,
  rows: [1_659_917, 184_435, 204_928],
  licence: 'UCI: CC BY 4.0',
  citation: 'Hebrail & Berard 2012; Papamakarios et al. 2017',
  downloads: [mafArchive('power/data.npy')],
  forms: [
    fromArray('power/data.npy'),
    fromText('power/household_power_consumption.txt'),
    fromArray('power/data_excerpt.npy'),
    fromText('power/household_power_consumption_2006-12-16_2007-01-19.txt'),
  ],
};

function fromArray(file: string): DatasetDefinition['forms'][number] {
  return {
    files: [file],
    async prepare(preparation) {
      const table = await npyTable(preparation.files[0]!);
      return prepare(requireColumns(table, RAW_COLUMNS, 'the 8 columns of the archive’s power/data.npy'), preparation);
    },
  };
}

function fromText(file: string): DatasetDefinition['forms'][number] {
  return {
    files: [file],
    async prepare(preparation) {
      const [text] = preparation.files;
      return prepare(await preparation.spool(text!.path, RAW_COLUMNS, householdPieces(text!)), preparation);
    },
  };
}

/** The eight raw columns of UCI's text; minutes that were not measured ('?') are left out, as in the archive. @internal */
export function householdPieces(file: StoredFile): AsyncIterable<Float64Array> {
  return csvPieces(file, {
    delimiter: ';',
    headerLines: 1,
    fields: [9],
    columns: RAW_COLUMNS,
    row([, time, ...measured]) {
      if (measured.some((value) => value === '?' || value === '')) return undefined;
      const [hours = NaN, minutes = NaN] = time!.split(':').map(decimal);
      return [...measured.map(decimal), 60 * hours + minutes];
    },
  });
}

async function prepare(raw: Table, { write, spool }: Preparation): Promise<PreparedFacts> {
  const { trainEnd, validationEnd } = tenths(raw);
  const random = randomState(42);
  const order = Int32Array.from({ length: raw.rows }, (_, i) => i);
  random.shuffle(order);
  const table: Table = {
    ...(await spool(raw.path, COLUMNS, withNoise(finite(raw), order, random))),
    where: (row, column) => whereIn(raw, order[row]!, KEPT[column]!),
  };
  const scaling = await columnMoments(table, 0, validationEnd, 0);
  const part = (first: number, end: number) =>
    [{ count: end - first, dim: COLUMNS }, normalised(table, scaling, first, end)] as const;
  await write('train', ...part(0, trainEnd));
  await write('validation', ...part(trainEnd, validationEnd));
  await write('test', ...part(validationEnd, table.rows));
  return { scaling, ...excerpt(table.rows, ROWS) };
}

/** Numpy draws all noise of the voltage, then all of the active power, then all of the sub-meterings: three places of one stream. */
async function* withNoise(
  raw: Table,
  order: Int32Array,
  random: RandomState,
): AsyncGenerator<Float64Array, void, undefined> {
  const voltage = random.clone();
  random.skip(raw.rows);
  const active = random.clone();
  random.skip(raw.rows);
  const step = 8192;
  for (let first = 0; first < raw.rows; first += step) {
    const rows = order.subarray(first, first + step);
    const taken = await raw.take(rows);
    const piece = new Float64Array(rows.length * COLUMNS);
    for (let i = 0; i < rows.length; i++) {
      const from = i * RAW_COLUMNS;
      piece.set(
        [
          taken[from + ACTIVE]! + 0.001 * active.rand(),
          taken[from + VOLTAGE]! + 0.01 * voltage.rand(),
          taken[from + SUB_METERING]! + random.rand(),
          taken[from + SUB_METERING + 1]! + random.rand(),
          taken[from + SUB_METERING + 2]! + random.rand(),
          taken[from + TIME]!,
        ],
        i * COLUMNS,
      );
    }
    yield piece;
  }
}
