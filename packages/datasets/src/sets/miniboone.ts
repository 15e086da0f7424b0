import { npyTable } from '../formats/npy.ts';
import { columnMoments, finite, normalised, requireColumns, tenths } from '../preparation/passes.ts';
import type { DatasetDefinition } from './definition.ts';
import { excerpt } from './excerpt.ts';

const ROWS = 36_488;

/** No shuffle, no noise: columns by the mean and standard deviation (ddof 0) of train and validation (Papamakarios et al. 2017). */
export const minibooneDefinition: DatasetDefinition = {
  name: 'miniboone',
  description: 'neutrino events of the MiniBooNE experiment, 43 features',
  dim: 43,
  rows: [29_556, 3_284, 3_648],
  licence: 'UCI: CC BY 4.0',
  citation: 'Roe et al. 2005; Papamakarios et al. 2017',
  downloads: [
    {
      url: 'https://raw.githubusercontent.com/EmoryMLIP/OT-Flow/HEAD/data/miniboone/data.npy',
      checksum: { algorithm: 'git-blob', hex: '9737c80fa84df483ed368404e3110c324613d54c' },
      bytes: 12_551_952,
      path: 'miniboone/data.npy',
    },
  ],
  forms: ['miniboone/data.npy', 'miniboone/data_first1523.npy'].map((file) => ({
    files: [file],
    async prepare({ files, write }) {
      const table = finite(requireColumns(await npyTable(files[0]!), 43, 'the 43 features of MINIBOONE'));
      const { trainEnd, validationEnd } = tenths(table);
      const scaling = await columnMoments(table, 0, validationEnd, 0);
      const part = (first: number, end: number) =>
        [{ count: end - first, dim: 43 }, normalised(table, scaling, first, end)] as const;
      await write('train', ...part(0, trainEnd));
      await write('validation', ...part(trainEnd, validationEnd));
      await write('test', ...part(validationEnd, table.rows));
      return { scaling, ...excerpt(table.rows, ROWS) };
    },
  })),
};
