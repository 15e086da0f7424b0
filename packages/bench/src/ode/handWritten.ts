/** dy/dt at t and y, written to `dydt`. */
export type Field = (t: number, y: Float64Array, dydt: Float64Array) => void;

/**
 * Dormand and Prince's pair as one would write it by hand for this one purpose: every coefficient in place, no options, no
 * checks, no outputs but the end. What a general solver costs beyond it is the price of being general.
 */
export function handWrittenDopri5(f: Field, y0: readonly number[], t1: number, tolerance: number): Float64Array {
  const n = y0.length;
  let [y, y1] = [Float64Array.from(y0), new Float64Array(n)];
  const z = new Float64Array(n);
  let [k1, k7] = [new Float64Array(n), new Float64Array(n)];
  const [k2, k3, k4] = [new Float64Array(n), new Float64Array(n), new Float64Array(n)];
  const [k5, k6] = [new Float64Array(n), new Float64Array(n)];
  let t = 0;
  let h = 1e-4;
  f(t, y, k1);
  while (t < t1) {
    if (t + h > t1) h = t1 - t;
    for (let j = 0; j < n; j++) z[j] = y[j]! + (h / 5) * k1[j]!;
    f(t + h / 5, z, k2);
    for (let j = 0; j < n; j++) z[j] = y[j]! + h * ((3 / 40) * k1[j]! + (9 / 40) * k2[j]!);
    f(t + (3 / 10) * h, z, k3);
    for (let j = 0; j < n; j++) z[j] = y[j]! + h * ((44 / 45) * k1[j]! - (56 / 15) * k2[j]! + (32 / 9) * k3[j]!);
    f(t + (4 / 5) * h, z, k4);
    for (let j = 0; j < n; j++)
      z[j] =
        y[j]! +
        h * ((19372 / 6561) * k1[j]! - (25360 / 2187) * k2[j]! + (64448 / 6561) * k3[j]! - (212 / 729) * k4[j]!);
    f(t + (8 / 9) * h, z, k5);
    for (let j = 0; j < n; j++)
      z[j] =
        y[j]! +
        h *
          ((9017 / 3168) * k1[j]! -
            (355 / 33) * k2[j]! +
            (46732 / 5247) * k3[j]! +
            (49 / 176) * k4[j]! -
            (5103 / 18656) * k5[j]!);
    f(t + h, z, k6);
    for (let j = 0; j < n; j++)
      y1[j] =
        y[j]! +
        h *
          ((35 / 384) * k1[j]! +
            (500 / 1113) * k3[j]! +
            (125 / 192) * k4[j]! -
            (2187 / 6784) * k5[j]! +
            (11 / 84) * k6[j]!);
    f(t + h, y1, k7);
    let sum = 0;
    for (let j = 0; j < n; j++) {
      const error =
        h *
        ((71 / 57600) * k1[j]! -
          (71 / 16695) * k3[j]! +
          (71 / 1920) * k4[j]! -
          (17253 / 339200) * k5[j]! +
          (22 / 525) * k6[j]! -
          (1 / 40) * k7[j]!);
      sum += (error / (tolerance * (1 + Math.max(Math.abs(y[j]!), Math.abs(y1[j]!))))) ** 2;
    }
    const ratio = Math.sqrt(sum / n);
    if (ratio <= 1) {
      t += h;
      [y, y1] = [y1, y];
      [k1, k7] = [k7, k1];
    }
    h *= Math.min(10, Math.max(0.2, 0.9 * ratio ** -0.2));
  }
  return y;
}
