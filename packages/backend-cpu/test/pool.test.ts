import { add, affine, linearCombination, reshape, tensor, type Tensor } from '@sparseflow/tensor';
import { createReferenceBackend } from '@sparseflow/tensor/reference';
import { describe, expect, it } from 'vitest';
import { createCpuBackend } from '../src/index.ts';
import { createPool } from '../src/pool.ts';

const LENGTH = 100;
const ramp = Float32Array.from({ length: LENGTH }, (_, i) => i);

describe('arrays that are used again', () => {
  const backend = createCpuBackend();
  const make = (): Tensor => tensor(ramp, { backend });
  /** Takes the arrays that wait and writes something else into them. */
  const churn = (): void => {
    for (let i = 0; i < 10; i++) affine(make(), 0, -1).dispose();
  };

  it('are not those that a reshaped tensor still reads, whichever of the two is freed', () => {
    for (const first of [0, 1]) {
      const x = affine(make(), 1);
      const pair = [x, reshape(x, [10, 10])];
      pair[first]!.dispose();
      churn();
      expect(Array.from(pair[1 - first]!.dataSync())).toEqual(Array.from(ramp));
      pair[1 - first]!.dispose();
    }
  });

  it('leave no trace in results, also where only some of them are freed', () => {
    const plain = createReferenceBackend();
    const chain = (on: typeof backend): number[] => {
      let x = tensor(ramp, { backend: on, dtype: 'float32' });
      for (let i = 0; i < 20; i++) {
        const next = linearCombination([x, add(x, x)], [0.5, i % 2 === 0 ? 0.25 : -0.25]);
        if (i % 3 !== 0) x.dispose();
        x = next;
      }
      return Array.from(x.dataSync());
    };
    const expected = chain(plain as typeof backend);
    chain(backend).forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 5));
  });

  it('are not the ones that a caller gave or was given', () => {
    const given = ramp.slice();
    const x = tensor(given, { backend });
    const read = x.dataSync();
    x.dispose();
    churn();
    expect([Array.from(given), Array.from(read)]).toEqual([Array.from(ramp), Array.from(ramp)]);
  });
});

describe('the pool', () => {
  it('gives back an array of the length that is asked for, once', () => {
    const pool = createPool(2 ** 20);
    const values = pool.take(LENGTH);
    pool.give(values);
    expect(pool.take(LENGTH + 1)).not.toBe(values);
    expect(pool.take(LENGTH)).toBe(values);
    expect(pool.take(LENGTH)).not.toBe(values);
  });

  it('keeps no array that it did not make: more of those may be freed than are ever asked for', () => {
    const pool = createPool(2 ** 20);
    const foreign = new Float32Array(LENGTH);
    pool.give(foreign);
    expect(pool.take(LENGTH)).not.toBe(foreign);
  });

  it('lets go of the lengths that were not asked for the longest before it holds too much', () => {
    const pool = createPool(10 * LENGTH);
    const take = (count: number, length: number): Float32Array[] =>
      Array.from({ length: count }, () => pool.take(length));
    const [first, second] = [take(4, LENGTH), take(2, 2 * LENGTH)];
    [...first, ...second].forEach((values) => pool.give(values));
    // Asked for now, so that the other length is the older one: of it one has to go.
    const [last] = take(1, LENGTH);
    pool.give(last!);
    const third = take(1, 4 * LENGTH);
    pool.give(third[0]!);
    expect(pool.take(4 * LENGTH)).toBe(third[0]);
    expect(take(4, LENGTH).every((values) => first.includes(values))).toBe(true);
    expect(take(2, 2 * LENGTH).filter((values) => second.includes(values))).toHaveLength(1);
  });

  it('keeps no array that is longer than all it may hold', () => {
    const pool = createPool(10 * LENGTH);
    const values = pool.take(11 * LENGTH);
    pool.give(values);
    expect(pool.take(11 * LENGTH)).not.toBe(values);
  });
});
