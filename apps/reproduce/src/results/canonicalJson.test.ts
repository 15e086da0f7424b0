import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canonicalJson, contentAddress } from './canonicalJson.ts';

test('sorts keys at every level and keeps the order of arrays', () => {
  expect(canonicalJson({ b: { d: 1, c: [2, 1] }, a: 'x' })).toBe('{"a":"x","b":{"c":[2,1],"d":1}}');
});

test('means the same as JSON for every JSON value', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      // JSON has no negative zero, so the comparison is between parsed texts.
      expect(JSON.parse(canonicalJson(JSON.parse(JSON.stringify(value))))).toEqual(JSON.parse(JSON.stringify(value)));
    }),
  );
});

test.each([NaN, Infinity, undefined, () => 1, { a: undefined }, [1, NaN], new Date(0), new Map()])(
  'refuses %s',
  (value) => {
    expect(() => canonicalJson(value)).toThrow(TypeError);
  },
);

test('addresses are the head of the SHA-256 of the canonical text, whatever the order of keys', () => {
  const expected = createHash('sha256').update('{"a":1,"b":[true,null]}').digest('hex').slice(0, 32);
  expect(contentAddress({ b: [true, null], a: 1 })).toBe(expected);
  expect(contentAddress({ a: 1, b: [true, null] })).toBe(expected);
  expect(contentAddress({ a: 1, b: [null, true] })).not.toBe(expected);
});
