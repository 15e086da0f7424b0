import type { Table } from '../formats/table.ts';
import type { ColumnScaling, ImageFormat } from '../rows/rows.ts';
import type { StoredFile } from '../storage/storage.ts';

/** How a file can be recognised. A git blob's SHA-1 covers the file's length and bytes. */
export interface Checksum {
  readonly algorithm: 'md5' | 'sha256' | 'git-blob';
  readonly hex: string;
}

/** A file that can be fetched. */
export interface Download {
  readonly url: string;
  readonly checksum: Checksum;
  /** Of what a gzip file holds, which is the same whatever packed it. */
  readonly unpacked?: Checksum;
  readonly bytes?: number;
  /** Where it lies in a data directory. */
  readonly path: string;
  /** Of a .tar.gz: the members to take out. The archive is then removed. */
  readonly members?: readonly Member[];
}

/** A file in an archive. */
export interface Member {
  /** The end of its path in the archive. */
  readonly name: string;
  /** Where it lies in a data directory. */
  readonly path: string;
  readonly checksum?: Checksum;
}

/** A data set in files: everything that distinguishes it. A new one is a file with its definition and a line in `sets/list.ts`. */
export interface DatasetDefinition {
  /** As on the command line. */
  readonly name: string;
  /** One line for people. */
  readonly description: string;
  readonly dim: number;
  /** Rows of the whole set: train, validation, test. */
  readonly rows: readonly [train: number, validation: number, test: number];
  readonly licence: string;
  readonly citation: string;
  readonly downloads: readonly Download[];
  /** The ways in which its files may lie in a data directory, the best first. */
  readonly forms: readonly Form[];
}

/** One way in which a data set may lie in a data directory. */
export interface Form {
  /** All are needed, each as named or gzipped, with `.gz` added. */
  readonly files: readonly string[];
  /** The command, to be run in their folder, that makes files of another form of these, which cannot be read. */
  readonly conversion?: string;
  /** Computes the splits, in passes over the files. */
  prepare(preparation: Preparation): Promise<PreparedFacts>;
}

/** What a form is given. */
export interface Preparation {
  /** In the order of the form's list, opened, unpacked where they were gzipped. */
  readonly files: readonly StoredFile[];
  /** Writes a split: rows as float32, or bytes as they are. The number of rows is checked. */
  write(split: SplitName, shape: SplitShape, pieces: AsyncIterable<Float64Array | Uint8Array>): Promise<void>;
  /** Keeps rows as float64 on the disk until the preparation is over. */
  spool(path: string, columns: number, pieces: AsyncIterable<Float64Array>): Promise<Table>;
  /** The data sets of an HDF5 file, where the platform can read them. */
  readonly hdf5?: Hdf5Reader;
}

/** Reads a matrix of an HDF5 file. */
export type Hdf5Reader = (file: StoredFile, name: string) => Promise<Table>;

export type SplitName = 'train' | 'validation' | 'test';

export interface SplitShape {
  readonly count: number;
  readonly dim: number;
  /** One a row; absent where rows have none. */
  readonly labels?: Int32Array;
}

/** What is known once the splits are written. */
export interface PreparedFacts {
  readonly scaling?: ColumnScaling;
  readonly image?: ImageFormat & { readonly flip: boolean };
  /** Why likelihoods cannot be compared with published ones; absent where they can. */
  readonly reason?: string;
}
