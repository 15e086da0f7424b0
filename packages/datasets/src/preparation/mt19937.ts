/**
 * The Mersenne Twister MT19937 (Matsumoto and Nishimura 1998) with the draws of numpy's legacy `RandomState`, so that published
 * preprocessing can be repeated number for number.
 */
export interface RandomState {
  /** As `rand()`: 53 random bits in [0, 1). */
  rand(): number;
  /** As `shuffle(order)`. */
  shuffle(order: Int32Array): void;
  /** Moves on by `count` draws of `rand`. */
  skip(count: number): void;
  /** An independent copy at the same place. */
  clone(): RandomState;
}

const SIZE = 624;
const SHIFT = 397;

/** As `numpy.random.RandomState(seed)`, for a seed below 2³². */
export function randomState(seed: number): RandomState {
  const state = new Uint32Array(SIZE);
  state[0] = seed;
  for (let i = 1; i < SIZE; i++) {
    const previous = state[i - 1]! ^ (state[i - 1]! >>> 30);
    state[i] = Math.imul(1812433253, previous) + i;
  }
  return generator(state, SIZE);
}

function generator(state: Uint32Array, position: number): RandomState {
  const next = (): number => {
    if (position === SIZE) {
      twist(state);
      position = 0;
    }
    let y = state[position++]!;
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  };
  /** Uniform on 0 … max: the needed low bits, drawn again while they are too large. */
  const interval = (max: number): number => {
    const mask = 2 ** (32 - Math.clz32(max)) - 1;
    for (;;) {
      const value = (next() & mask) >>> 0;
      if (value <= max) return value;
    }
  };
  const rand = (): number => {
    const high = next() >>> 5;
    return (high * 2 ** 26 + (next() >>> 6)) / 2 ** 53;
  };
  return {
    rand,
    shuffle(order) {
      for (let i = order.length - 1; i > 0; i--) {
        const j = interval(i);
        const moved = order[i]!;
        order[i] = order[j]!;
        order[j] = moved;
      }
    },
    skip(count) {
      for (let i = 0; i < 2 * count; i++) next();
    },
    clone: () => generator(state.slice(), position),
  };
}

function twist(state: Uint32Array): void {
  for (let i = 0; i < SIZE; i++) {
    const y = (state[i]! & 0x80000000) | (state[(i + 1) % SIZE]! & 0x7fffffff);
    state[i] = state[(i + SHIFT) % SIZE]! ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
  }
}
