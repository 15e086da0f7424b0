import type { Row } from './stages.ts';

type Six = readonly [number, number, number, number, number, number];

/**
 * into = y + dt Σ weights · stages: what a solve on plain arrays spends most of its time on. The sums of up to six stages are
 * written out, with their weights read once and not for every component: a fifth of the time of a whole solve of Lorenz' system.
 */
export function advance(into: Float64Array, y: Float64Array, all: Float64Array, row: Row, dt: number): void {
  const { starts, weights } = row;
  const n = into.length;
  switch (starts.length) {
    case 1: {
      const [w0] = weights as Six;
      const [s0] = starts as Six;
      for (let j = 0; j < n; j++) into[j] = y[j]! + dt * (w0 * all[s0 + j]!);
      return;
    }
    case 2: {
      const [w0, w1] = weights as Six;
      const [s0, s1] = starts as Six;
      for (let j = 0; j < n; j++) into[j] = y[j]! + dt * (w0 * all[s0 + j]! + w1 * all[s1 + j]!);
      return;
    }
    case 3: {
      const [w0, w1, w2] = weights as Six;
      const [s0, s1, s2] = starts as Six;
      for (let j = 0; j < n; j++) into[j] = y[j]! + dt * (w0 * all[s0 + j]! + w1 * all[s1 + j]! + w2 * all[s2 + j]!);
      return;
    }
    case 4: {
      const [w0, w1, w2, w3] = weights as Six;
      const [s0, s1, s2, s3] = starts as Six;
      for (let j = 0; j < n; j++)
        into[j] = y[j]! + dt * (w0 * all[s0 + j]! + w1 * all[s1 + j]! + w2 * all[s2 + j]! + w3 * all[s3 + j]!);
      return;
    }
    case 5: {
      const [w0, w1, w2, w3, w4] = weights as Six;
      const [s0, s1, s2, s3, s4] = starts as Six;
      for (let j = 0; j < n; j++)
        into[j] =
          y[j]! +
          dt * (w0 * all[s0 + j]! + w1 * all[s1 + j]! + w2 * all[s2 + j]! + w3 * all[s3 + j]! + w4 * all[s4 + j]!);
      return;
    }
    case 6: {
      const [w0, w1, w2, w3, w4, w5] = weights as Six;
      const [s0, s1, s2, s3, s4, s5] = starts as Six;
      for (let j = 0; j < n; j++)
        into[j] =
          y[j]! +
          dt *
            (w0 * all[s0 + j]! +
              w1 * all[s1 + j]! +
              w2 * all[s2 + j]! +
              w3 * all[s3 + j]! +
              w4 * all[s4 + j]! +
              w5 * all[s5 + j]!);
      return;
    }
    default:
      for (let j = 0; j < n; j++) {
        let total = 0;
        for (let m = 0; m < starts.length; m++) total += weights[m]! * all[starts[m]! + j]!;
        into[j] = y[j]! + dt * total;
      }
  }
}
