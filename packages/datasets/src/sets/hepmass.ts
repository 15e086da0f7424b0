import { DataFileError } from '../errors.ts';
import { csvPieces, decimal } from '../formats/csv.ts';
import { npyTable } from '../formats/npy.ts';
import type { Table } from '../formats/table.ts';
import {
  columnMoments,
  finite,
  lastTenth,
  normalised,
  pickColumns,
  requireColumns,
  requireRows,
} from '../preparation/passes.ts';
import type { StoredFile } from '../storage/storage.ts';
import type { DatasetDefinition } from './definition.ts';
import { excerptOfTwo } from './excerpt.ts';
import { mafArchive } from './mafArchive.ts';

/** Rows of the signal in 1000_train.csv and 1000_test.csv. */
const SIGNAL_ROWS = { train: 350_136, test: 174_987 };
/** f0 … f25: the last feature is left out, as in the published preprocessing. */
const FEATURES = 26;
/** Of these, those that are continuous. */
const DIM = 21;
/** A column whose smallest value is met more often counts as discrete. */
const REPEATED = 5;

/**
 * The signal at a mass of 1000; train and test by the mean and standard deviation (ddof 1) of all signal rows for training; columns whose
 * smallest value is repeated are dropped, and the last tenth of train is for validation (Papamakarios et al. 2017).
 */
export const hepmassDefinition: DatasetDefinition = {
  name: 'hepmass',
  description: 'simulated collisions with a new particle of mass 1000, 21 continuous features',
  dim: DIM,
  rows: [315_123, 35_013, 174_987],
  licence: 'UCI: CC BY 4.0',
  citation: 'Baldi et al. 2016; Papamakarios et al. 2017',
  downloads: [mafArchive('hepmass/1000_train.csv', 'hepmass/1000_test.csv')],
  forms: [
    {
      files: ['hepmass/1000_train.csv', 'hepmass/1000_test.csv'],
      async prepare({ files, write, spool }) {
        const [train, test] = [
          await spool(files[0]!.path, FEATURES, signalPieces(files[0]!)),
          await spool(files[1]!.path, FEATURES, signalPieces(files[1]!)),
        ];
        requireRows(test, 1);
        const { scaling, kept, trainEnd } = await analyse(train);
        const shape = (count: number) => ({ count, dim: DIM });
        await write('train', shape(trainEnd), normalised(train, scaling, 0, trainEnd, kept));
        await write('validation', shape(train.rows - trainEnd), normalised(train, scaling, trainEnd, train.rows, kept));
        await write('test', shape(test.rows), normalised(test, scaling, 0, test.rows, kept));
        const rows = { train: train.rows, test: test.rows };
        return { scaling: pickColumns(scaling, kept), ...excerptOfTwo(rows, SIGNAL_ROWS, 'rows') };
      },
    },
    {
      files: ['hepmass/1000_train_first1000_unlabelled_f0-f26.npy'],
      async prepare({ files, write, spool }) {
        const raw = finite(requireColumns(await npyTable(files[0]!), 27, 'the features f0 to f26'));
        const train = await spool(raw.path, FEATURES, firstColumns(raw, FEATURES));
        const { scaling, kept, trainEnd } = await analyse(train);
        const held = { count: train.rows - trainEnd, dim: DIM };
        const validation = () => normalised(train, scaling, trainEnd, train.rows, kept);
        await write('train', { count: trainEnd, dim: DIM }, normalised(train, scaling, 0, trainEnd, kept));
        await write('validation', held, validation());
        await write('test', held, validation());
        const reason = `an excerpt of ${train.rows.toLocaleString('en')} rows, signal and background mixed; validation also stands for test`;
        return { scaling: pickColumns(scaling, kept), reason };
      },
    },
  ],
};

/** Features f0 … f25 of the lines with label 1. Lines of the archive have one field more than the header names. */
function signalPieces(file: StoredFile): AsyncIterable<Float64Array> {
  return csvPieces(file, {
    delimiter: ',',
    headerLines: 1,
    fields: [28, 29],
    columns: FEATURES,
    row([label, ...features]) {
      const kind = decimal(label!);
      if (kind === 0) return undefined;
      return kind === 1 ? features.slice(0, FEATURES).map(decimal) : [NaN];
    },
  });
}

async function* firstColumns(table: Table, columns: number): AsyncGenerator<Float64Array, void, undefined> {
  for await (const piece of table.pass()) {
    const rows = piece.length / table.columns;
    yield Float64Array.from({ length: rows * columns }, (_, k) => {
      return piece[Math.floor(k / columns) * table.columns + (k % columns)]!;
    });
  }
}

/** @throws {DataFileError} unless as many columns are kept as are published: what is discrete shows in many rows only. */
async function analyse(train: Table) {
  const trainEnd = lastTenth(train);
  const scaling = await columnMoments(train, 0, train.rows, 1);
  const repeats = await smallestValueCounts(train);
  const kept = [...repeats.keys()].filter((j) => repeats[j]! <= REPEATED);
  if (kept.length !== DIM) {
    throw new DataFileError(
      'columns',
      train.path,
      `${kept.length} of the ${FEATURES} features are continuous in its ${train.rows} rows instead of ${DIM}`,
      'give a file with more rows, and with the features of HEPMASS',
    );
  }
  return { scaling, kept, trainEnd };
}

/** How often each column takes its smallest value. */
async function smallestValueCounts(table: Table): Promise<Int32Array> {
  const smallest = new Float64Array(table.columns).fill(Infinity);
  const counts = new Int32Array(table.columns);
  for await (const piece of table.pass()) {
    piece.forEach((value, k) => {
      const j = k % table.columns;
      if (value > smallest[j]!) return;
      counts[j] = value < smallest[j]! ? 1 : counts[j]! + 1;
      smallest[j] = value;
    });
  }
  return counts;
}
