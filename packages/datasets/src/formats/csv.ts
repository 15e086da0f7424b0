import { parse } from 'csv-parse/browser/esm/sync';
import { DataFileError } from '../errors.ts';
import { bytesOf, type StoredFile } from '../storage/storage.ts';

/** How the lines of a CSV file become rows. */
export interface CsvFormat {
  readonly delimiter: ',' | ';';
  /** Lines before the first row. */
  readonly headerLines: number;
  /** How many fields a line may have. */
  readonly fields: readonly number[];
  /** Numbers in a row. */
  readonly columns: number;
  /** The row of a line; undefined to leave the line out. Numbers that are not finite are refused. */
  row(fields: readonly string[]): readonly number[] | undefined;
}

/**
 * The rows of a CSV file, piece by piece. Fields have no line breaks in them.
 *
 * @throws {DataFileError} while iterating, for a line with another number of fields, or a number that is missing or not finite.
 */
export async function* csvPieces(file: StoredFile, format: CsvFormat): AsyncGenerator<Float64Array, void, undefined> {
  const { delimiter, headerLines, columns } = format;
  let line = 0;
  for await (const text of wholeLines(file)) {
    let records: string[][];
    try {
      records = parse(text, { delimiter, relax_column_count: true, skip_empty_lines: true });
    } catch (cause) {
      throw new DataFileError(
        'corrupt',
        file.path,
        `after line ${line}: ${(cause as Error).message}`,
        'get the file again',
        { cause },
      );
    }
    const rows = records.flatMap((fields) => {
      line++;
      return line > headerLines ? (checkedRow(fields, line, file, format) ?? []) : [];
    });
    if (rows.length > 0) yield Float64Array.from(rows);
  }
  if (line <= headerLines) {
    throw new DataFileError('truncated', file.path, `it has no row of ${columns} numbers`, 'get the file again');
  }
}

function checkedRow(
  fields: readonly string[],
  line: number,
  { path }: StoredFile,
  { fields: allowed, row }: CsvFormat,
): readonly number[] | undefined {
  if (!allowed.includes(fields.length)) {
    throw new DataFileError(
      'columns',
      path,
      `line ${line}: ${fields.length} fields instead of ${allowed.join(' or ')}`,
      'the line was cut or is of another table: get the file again',
    );
  }
  const numbers = row(fields);
  const bad = numbers?.findIndex((value) => !Number.isFinite(value)) ?? -1;
  if (bad >= 0) {
    throw new DataFileError(
      'values',
      path,
      `line ${line}: number ${bad} (from 0) of '${fields.join(' ').slice(0, 80)}' is missing or not finite`,
      'correct or remove the line, or get the file again',
    );
  }
  return numbers;
}

/** The file's text in pieces that end with a line. */
async function* wholeLines(file: StoredFile): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const bytes of bytesOf(file)) {
    const text = rest + decoder.decode(bytes, { stream: true });
    const end = text.lastIndexOf('\n') + 1;
    rest = text.slice(end);
    if (end > 0) yield text.slice(0, end);
  }
  rest += decoder.decode();
  if (rest.trim() !== '') yield rest;
}
