import type { Row, Stages } from './stages.ts';

type Six = readonly [number, number, number, number, number, number];

/**
 * into = y + dt Σ weights · stages: what a solve on plain arrays spends most of its time on. The sums of up to six stages are
 * written out, with their weights read once and not for every component: a fifth of the time of a whole solve of Lorenz' system.
 */
export function advance(into: Float64Array, y: Float64Array, { all, dt }: Stages, { starts, weights }: Row): void {
  const n = into.length;
  switch (starts.length) {
    case 1: {
      const { 0: w0 } = weights as unknown as Six;
      const { 0: s0 } = starts as unknown as Six;
      for (let j = 0; j < n; j++) into[j] = y[j]! + dt * (w0 * all[s0 + j]!);
      return;
    }
    case 2: {
      const { 0: w0, 1: w1 } = weights as unknown as Six;
      const { 0: s0, 1: s1 } = starts as unknown as Six;
      for (let j = 0; j < n; j++) into[j] = y[j]! + dt * (w0 * all[s0 + j]! + w1 * all[s1 + j]!);
      return;
    }
    case 3: {
      const { 0: w0, 1: w1, 2: w2 } = weights as unknown as Six;
      const { 0: s0, 1: s1, 2: s2 } = starts as unknown as Six;
      for (let j = 0; j < n; j++) into[j] = y[j]! + dt * (w0 * all[s0 + j]! + w1 * all[s1 + j]! + w2 * all[s2 + j]!);
      return;
    }
    case 4: {
      const { 0: w0, 1: w1, 2: w2, 3: w3 } = weights as unknown as Six;
      const { 0: s0, 1: s1, 2: s2, 3: s3 } = starts as unknown as Six;
      for (let j = 0; j < n; j++)
        into[j] = y[j]! + dt * (w0 * all[s0 + j]! + w1 * all[s1 + j]! + w2 * all[s2 + j]! + w3 * all[s3 + j]!);
      return;
    }
    case 5: {
      const { 0: w0, 1: w1, 2: w2, 3: w3, 4: w4 } = weights as unknown as Six;
      const { 0: s0, 1: s1, 2: s2, 3: s3, 4: s4 } = starts as unknown as Six;
      for (let j = 0; j < n; j++)
        into[j] =
          y[j]! +
          dt * (w0 * all[s0 + j]! + w1 * all[s1 + j]! + w2 * all[s2 + j]! + w3 * all[s3 + j]! + w4 * all[s4 + j]!);
      return;
    }
    case 6: {
      const { 0: w0, 1: w1, 2: w2, 3: w3, 4: w4, 5: w5 } = weights as unknown as Six;
      const { 0: s0, 1: s1, 2: s2, 3: s3, 4: s4, 5: s5 } = starts as unknown as Six;
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
