import { expect, it } from 'vitest';
import * as fc from 'fast-check';
import * as v from 'valibot';
import { along, readStrokes, writeStrokes } from './drawing.ts';
import { fromHash, toHash } from './link.ts';
import { coherent, defaultPruning, defaults, settingsSchema, type Pruning, type Settings } from './settings.ts';

const settings: fc.Arbitrary<Settings> = fc
  .record({
    task: fc.constantFrom('density', 'classification'),
    data: fc.constantFrom('gaussians', 'moons', 'spirals', 'drawn'),
    drawing: fc.constantFrom('', 'AABB.zz9_-A'),
    sizes: fc.option(
      fc.record({
        trainPerMode: fc.integer({ min: 1, max: 9999 }),
        testPerMode: fc.integer({ min: 1, max: 9999 }),
        validationShare: fc.double({ min: 0, max: 0.9, noNaN: true }),
      }),
    ),
    seed: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    layers: fc.integer({ min: 2, max: 8 }),
    hidden: fc.integer({ min: 1, max: 65536 }),
    activation: fc.constantFrom('sigmoid', 'tanh', 'softplus', 'relu'),
    learningRate: fc.double({ min: 1e-6, max: 1, noNaN: true }),
    batch: fc.integer({ min: 8, max: 8192 }),
    tolerance: fc.double({ min: 1e-7, max: 0.1, noNaN: true }),
    trace: fc.constantFrom('exact', 'hutchinson'),
  })
  .map((drawn) => coherent(v.parse(settingsSchema, drawn)));

const pruning: fc.Arbitrary<Pruning> = fc.record({
  structure: fc.constantFrom('unstructured', 'structured'),
  remove: fc.integer({ min: 0, max: 98 }),
  rounds: fc.integer({ min: 1, max: 30 }),
  steps: fc.integer({ min: 1, max: 5000 }),
});

it('a link gives back the settings that it was made of', () => {
  fc.assert(
    fc.property(settings, pruning, (given, pruned) => {
      expect(fromHash(`#${toHash(given, pruned)}`)).toEqual({ settings: given, pruning: pruned, ignored: [] });
    }),
  );
  // Never empty: the page without a link goes on where the last visit ended.
  expect(toHash(defaults)).toBe('seed=0');
  expect(fromHash('')).toEqual({ settings: defaults, pruning: defaultPruning, ignored: [] });
});

it('what a link says that is not possible is left out and named', () => {
  const { settings: read, ignored } = fromHash('#hidden=-3&seed=7&data=nothing&unknown=1&batch=&remove=99');
  expect(read).toEqual({ ...defaults, seed: 7 });
  expect(ignored).toEqual(['hidden', 'data', 'unknown', 'batch', 'remove']);
  // Six modes are no two classes.
  expect(fromHash('#task=classification').ignored).toEqual(['task']);
});

it('strokes keep their places to a 64th of the square', () => {
  const place = fc.double({ min: -1, max: 1, noNaN: true });
  const strokes = fc.array(fc.array(fc.tuple(place, place), { minLength: 1, maxLength: 9 }), { maxLength: 4 });
  fc.assert(
    fc.property(strokes, (given) => {
      const text = writeStrokes(given);
      const read = readStrokes(text);
      expect(writeStrokes(read)).toBe(text);
      // Half a place on each side.
      given.forEach((stroke, i) =>
        expect(Math.abs(read[i]![0]![0] - stroke[0]![0])).toBeLessThanOrEqual(1 / 64 + 1e-12),
      );
      if (given.length > 0)
        for (const share of [0, 0.5, 1])
          for (const x of along(given, share)) expect(Math.abs(x)).toBeLessThanOrEqual(1);
    }),
  );
  // A quarter of the way along an L of equal arms is in the middle of the first.
  const [x, y] = along(
    [
      [
        [-1, 1],
        [-1, -1],
        [1, -1],
      ],
    ],
    0.25,
  );
  expect(x).toBeCloseTo(-1, 1);
  expect(y).toBeCloseTo(0, 1);
});
