import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { bytesFile, collect } from '../../test/files.ts';
import { npyHeader } from './npyHeader.ts';
import { npyTable } from './npy.ts';

interface Fixture {
  readonly arrays: readonly { readonly what: string; readonly base64: string; readonly rows: number[][] }[];
  readonly refused: Readonly<Record<string, string>>;
}
const fixture: Fixture = JSON.parse(readFileSync(new URL('../../test/fixtures/npy.json', import.meta.url), 'utf8'));
const open = (base64: string) => npyTable(bytesFile('a.npy', Buffer.from(base64, 'base64')));

test.each(fixture.arrays)('reads what numpy wrote: $what', async ({ base64, rows }) => {
  const table = await open(base64);
  const expected = rows.map((row) => row.map(Number));
  expect([table.rows, table.columns]).toEqual([expected.length, expected[0]!.length]);
  expect(await collect(table.pass())).toEqual(expected.flat());
  const last = table.rows - 1;
  expect([...(await table.take(Int32Array.of(last, 0)))]).toEqual([...expected[last]!, ...expected[0]!]);
  expect(await collect(table.pass(last))).toEqual(expected[last]);
});

test('reads long tables in pieces of whole rows', async () => {
  const [rows, columns] = [50_000, 3];
  const values = Float32Array.from({ length: rows * columns }, (_, i) => i);
  const header = npyHeader('<f4', [rows, columns]);
  expect(header.length % 64).toBe(0);
  const table = await npyTable(bytesFile('a.npy', Buffer.concat([header, new Uint8Array(values.buffer)])));
  const lengths: number[] = [];
  for await (const piece of table.pass()) lengths.push(piece.length);
  expect(lengths.length).toBeGreaterThan(2);
  expect(lengths.every((length) => length % columns === 0)).toBe(true);
  expect(await collect(table.pass())).toEqual([...values]);
});

test.each([
  ['objects', 'pickle', /a\.npy: it is a Python pickle.*To fix: make an npy file of it: python -c/],
  ['complex', 'unsupported', /a\.npy: byte 10: elements of type <c16 are not numbers.*To fix: save it as float64/],
  ['structure', 'unsupported', /elements of type structure/],
  ['vector', 'columns', /an array of shape \(3\) instead of rows and columns/],
  ['empty', 'columns', /an array of shape \(0, 3\)/],
])('refuses %s', async (what, problem, message) => {
  const error = await open(fixture.refused[what]!).catch((e: unknown) => e);
  expect(error).toMatchObject({ name: 'DataFileError', code: 'DATA_FILE', problem, path: 'a.npy' });
  expect((error as Error).message).toMatch(message);
});

test('integers that are not exact as numbers read as NaN, which preparation refuses', async () => {
  expect(await collect((await open(fixture.refused['big integer']!)).pass())).toEqual([NaN]);
});

test.each([
  ['nothing', () => Buffer.of(), /byte 0: it does not begin/],
  ['a web page', () => Buffer.from('<!doctype html><html>'), /byte 0: it does not begin as npy files do/],
  ['a pandas pickle', () => Buffer.from('\x80\x04\x95pandas', 'latin1'), /it is a Python pickle/],
  ['a cut prefix', (whole: Buffer) => whole.subarray(0, 9), /it ends at byte 9 of 10/],
  ['a cut header', (whole: Buffer) => whole.subarray(0, 50), /it ends at byte 50 of 128/],
  ['cut numbers', (whole: Buffer) => whole.subarray(0, -1), /it ends at byte 175 of 176/],
  [
    'bytes behind',
    (whole: Buffer) => Buffer.concat([whole, Buffer.of(0)]),
    /byte 176: the array ends here, but 1 bytes follow/,
  ],
  ['version 9', (whole: Buffer) => Buffer.concat([whole.subarray(0, 6), Buffer.of(9), whole.subarray(7)]), /version 9/],
  [
    'a damaged header',
    (whole: Buffer) => Buffer.from(whole.toString('latin1').replace('shape', 'sharp'), 'latin1'),
    /no description of an array/,
  ],
])('refuses %s', async (_what, damage, message) => {
  const whole = Buffer.from(fixture.arrays.find(({ what }) => what.startsWith('<f8 C'))!.base64, 'base64');
  await expect(npyTable(bytesFile('a.npy', damage(whole)))).rejects.toThrow(message);
});
