export { batches, batchesPerEpoch } from './batches.ts';
export type { Batch, BatchOptions, Cursor } from './batches.ts';
export type { Dataset, Scaling, Split } from './dataset.ts';
export { DataFileError, DatasetError, DownloadError } from './errors.ts';
export type { DataFileProblem } from './errors.ts';
export type { Table } from './formats/table.ts';
export { modes } from './modes.ts';
export type { Mode } from './modes.ts';
export { firstRows, readRows, rowsOf } from './rows/rows.ts';
export type { ColumnScaling, ImageFormat, RowDataset, Rows } from './rows/rows.ts';
export { rowsInOrder, streamBatches } from './rows/streamBatches.ts';
export type {
  Checksum,
  DatasetDefinition,
  Download,
  Form,
  Hdf5Reader,
  Member,
  Preparation,
  PreparedFacts,
  SplitName,
  SplitShape,
} from './sets/definition.ts';
export { realDataset, realDatasets } from './sets/list.ts';
export { openDataset } from './sets/openDataset.ts';
export type { OpenOptions } from './sets/openDataset.ts';
export { verifyDataset } from './sets/verifyDataset.ts';
export type { Verified } from './sets/verifyDataset.ts';
export { opfsStorage } from './storage/opfs.ts';
export type { Appender, DataStorage, StoredFile } from './storage/storage.ts';
export { labelsToTensor, toTensor } from './to-tensor.ts';
export type { ToTensorOptions } from './to-tensor.ts';
export { checkerboard } from './toy/checkerboard.ts';
export { circles } from './toy/circles.ts';
export { concentric } from './toy/concentric.ts';
export { generateToy } from './toy/definition.ts';
export type { ToyDefinition, ToyOptions } from './toy/definition.ts';
export { diffeqml } from './toy/diffeqml.ts';
export { eightGaussians } from './toy/eight-gaussians.ts';
export { gaussiansSpiral } from './toy/gaussians-spiral.ts';
export { gaussians } from './toy/gaussians.ts';
export { toyDataset, toyDatasets } from './toy/list.ts';
export { moons } from './toy/moons.ts';
export { pinwheel } from './toy/pinwheel.ts';
export { rings } from './toy/rings.ts';
export { spirals, spiralsClassification } from './toy/spirals.ts';
export { swissroll } from './toy/swissroll.ts';
export { twoSpirals } from './toy/two-spirals.ts';
