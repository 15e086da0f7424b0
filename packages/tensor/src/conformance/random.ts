/** A stream of numbers in [0, 1) that is the same everywhere. */
export type Random = () => number;

/**
 * A small host-side generator (a linear congruential one, multiplier and increment from Knuth's MMIX) whose top 32 of 64 bits are
 * used. The suite must not depend on the random keys of the package that it tests.
 */
export function stream(seed: string): Random {
  let state = 0n;
  const advance = (increment: bigint): void => {
    state = BigInt.asUintN(64, state * 6364136223846793005n + increment);
  };
  for (const character of seed) advance(BigInt(character.codePointAt(0)!));
  return () => {
    advance(1442695040888963407n);
    return Number(state >> 32n) / 2 ** 32;
  };
}

/** Draws `size` numbers. All are exact in float32, so that every dtype computes on equal inputs. */
export type Values = (random: Random, size: number) => number[];

const draw = (f: (random: Random, i: number) => number): Values => {
  return (random, size) => Array.from({ length: size }, (_, i) => Math.fround(f(random, i)));
};

export const uniform = (low: number, high: number): Values => draw((random) => low + (high - low) * random());

/** Of either sign, with a magnitude from `low` to `high`: for functions with a kink or a pole at 0. */
export const signed = (low: number, high: number): Values =>
  draw((random) => (random() < 0.5 ? -1 : 1) * (low + (high - low) * random()));

/** An integer of -3 … 2 plus a fraction from 0.2 to 0.8: for functions that jump at integers. */
export const betweenIntegers: Values = draw((random) => Math.floor(random() * 6) - 3 + 0.2 + 0.6 * random());

/** Multiples of 1/4 between -1 and 1, plus `offset`: two operands with different offsets never tie. */
export const grid = (offset: number): Values => draw((random) => Math.floor(random() * 9) / 4 - 1 + offset);

/** Distinct multiples of 1/8 in shuffled order: no two elements tie. */
export const distinct: Values = (random, size) => {
  const values = Array.from({ length: size }, (_, i) => (i - Math.floor(size / 2)) / 8);
  for (let i = size - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [values[i], values[j]] = [values[j]!, values[i]!];
  }
  return values;
};

/** Integers from 0 to `bound` - 1, with repeats. */
export const integers = (bound: number): Values => draw((random) => Math.floor(random() * bound));

/** These numbers, whatever the generator says. */
export const fixed = (...values: number[]): Values => draw((_, i) => values[i]!);
