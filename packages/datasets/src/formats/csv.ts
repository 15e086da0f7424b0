import { parse, type CsvError } from 'csv-parse/browser/esm/sync';
import { DataFileError } from '../errors.ts';
import { bytesOf, type StoredFile } from '../storage/storage.ts';
import { fitsFloat32 } from './table.ts';

/** How the lines of a CSV file become rows. */
export interface CsvFormat {
  readonly delimiter: ',' | ';';
  /** Lines before the first row. */
  readonly headerLines: number;
  /** How many fields a line may have. */
  readonly fields: readonly number[];
  /** Numbers in a row. */
  readonly columns: number;
  /** The row of a line; undefined to leave the line out. Numbers that float32 does not hold are refused. */
  row(fields: readonly string[]): readonly number[] | undefined;
}

/** Lines are not longer than this, in characters: what has no line breaks is no CSV file, and is not gathered in memory. */
const LONGEST_LINE = 1 << 16;

/** A decimal number; NaN for anything else, such as nothing at all or spaces, which `Number` takes for 0. */
export function decimal(field: string): number {
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(field) ? Number(field) : NaN;
}

/**
 * The rows of a CSV file, piece by piece. Fields have no line breaks in them; empty lines are left out.
 *
 * @throws {DataFileError} while iterating, for a line with another number of fields, or a number that is missing or that float32 does not hold.
 */
export async function* csvPieces(file: StoredFile, format: CsvFormat): AsyncGenerator<Float64Array, void, undefined> {
  const { delimiter, headerLines, columns } = format;
  let [line, seen] = [0, 0];
  for await (const text of wholeLines(file)) {
    const rows = records(text, delimiter, line, file).flatMap((fields) => {
      line++;
      if (fields.length === 1 && fields[0] === '') return [];
      return ++seen > headerLines ? (checkedRow(fields, line, file, format) ?? []) : [];
    });
    if (rows.length > 0) yield Float64Array.from(rows);
  }
  if (seen <= headerLines) {
    throw new DataFileError('truncated', file.path, `it has no row of ${columns} numbers`, 'get the file again');
  }
}

/** One a line, so that their numbers are those of the lines. @param before - Lines before the text. */
function records(text: string, delimiter: string, before: number, { path }: StoredFile): string[][] {
  try {
    return parse(text, { delimiter, relax_column_count: true });
  } catch (cause) {
    const { message, lines = 1 } = cause as CsvError & { readonly lines?: number };
    const what = `line ${before + lines}: ${message.replace(/ (at|on) line \d+/, '')}`;
    throw new DataFileError('corrupt', path, what, 'get the file again', { cause });
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
  const bad = numbers?.findIndex((value) => !fitsFloat32(value)) ?? -1;
  if (bad >= 0) {
    const how = Number.isFinite(numbers![bad]) ? 'beyond the range of float32' : 'missing or not finite';
    throw new DataFileError(
      'values',
      path,
      `line ${line}: number ${bad} (from 0) of '${fields.join(' ').slice(0, 80)}' is ${how}`,
      'correct or remove the line, or get the file again',
    );
  }
  return numbers;
}

/** The file's text in pieces that end with a line. */
async function* wholeLines(file: StoredFile): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder();
  let [rest, read] = ['', 0];
  for await (const bytes of bytesOf(file)) {
    const text = rest + decoder.decode(bytes, { stream: true });
    const end = text.lastIndexOf('\n') + 1;
    rest = text.slice(end);
    read += bytes.length;
    if (end > 0) yield text.slice(0, end);
    if (rest.length > LONGEST_LINE) {
      throw new DataFileError(
        'corrupt',
        file.path,
        `byte ${read}: the line here has more than ${LONGEST_LINE.toLocaleString('en')} characters`,
        'give the CSV file: its lines end with a line break',
      );
    }
  }
  rest += decoder.decode();
  if (rest !== '') yield rest;
}
