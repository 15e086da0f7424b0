import { expect, test } from 'vitest';
import { bytesFile } from '../../test/files.ts';
import type { StoredFile } from '../storage/storage.ts';
import { csvPieces, decimal, type CsvFormat } from './csv.ts';

const format: CsvFormat = {
  delimiter: ',',
  headerLines: 1,
  fields: [2],
  columns: 2,
  row: (fields) => fields.map(decimal),
};

async function numbers(text: string | StoredFile): Promise<number[]> {
  const file = typeof text === 'string' ? bytesFile('table.csv', new TextEncoder().encode(text)) : text;
  const found: number[] = [];
  for await (const piece of csvPieces(file, format)) found.push(...piece);
  return found;
}

test.each(['0', '-1', '+1.5', '.5', '5.', '1e3', '-9.194e-01', '1.000000000000000000E+00'])(
  '%s is a number',
  (field) => {
    expect(decimal(field)).toBe(parseFloat(field));
  },
);

test.each(['', ' ', '\t', '1 ', ' 1', '0x10', '0b1', 'Infinity', 'nan', '1,5', '1e', '.', '-', '?', '1_000'])(
  '"%s" is none',
  (field) => {
    expect(decimal(field)).toBeNaN();
  },
);

test('lines end in either way, and empty ones are left out', async () => {
  expect(await numbers('a,b\n1,2\n\n3,4')).toEqual([1, 2, 3, 4]);
  expect(await numbers('\r\na,b\r\n1,2\r\n\r\n\r\n3,4\r\n\r\n')).toEqual([1, 2, 3, 4]);
});

test('lines are numbered as an editor does, over empty ones and over pieces of a megabyte', async () => {
  const long = `1.${'0'.repeat(2000)},2\n`;
  const many = `${long}\n`.repeat(500) + long.repeat(100) + '\n';
  for (const [bad, message] of [
    ['3', /^table\.csv: line 1104: 1 fields instead of 2/],
    ['3, ', /^table\.csv: line 1104: number 1 \(from 0\) of '3 {2}' is missing or not finite/],
    ['"3"4,5', /^table\.csv: line 1104: Invalid Closing Quote: got "4" instead of/],
  ] as const) {
    await expect(numbers(`\na,b\n${many}${bad}\n1,2\n`)).rejects.toThrow(message);
  }
});

test('a file without line breaks is refused before it is in memory', async () => {
  let read = 0;
  const gigabyte: StoredFile = {
    ...bytesFile('blob.csv', new Uint8Array()),
    size: 1e9,
    read: async (_, length) => {
      read += length;
      return new Uint8Array(length).fill(0x31);
    },
  };
  await expect(numbers(gigabyte)).rejects.toThrow(
    /blob\.csv: byte 1048576: the line here has more than 65,536 characters\. To fix: give the CSV file/,
  );
  expect(read).toBe(1 << 20);
});

test('a file without a row is refused', async () => {
  for (const text of ['', 'a,b\n', 'a,b\n\n\n']) {
    await expect(numbers(text)).rejects.toThrow(/it has no row of 2 numbers/);
  }
});
