/** dy/dt at t and y, written to `dydt`. */
export type Field = (t: number, y: Float64Array, dydt: Float64Array) => void;

/**
 * Dormand and Prince's pair as one would write it by hand for this one purpose: every coefficient in place, no options, no
 * checks, no outputs but the end. What a general solver costs beyond it is the price of being general. It takes the steps of
 * `solve` with `stepTo: [t1]`: same first step, error estimate, norm and controller, hence as many evaluations. It takes the
 * controller's power as `solve` does, by exp and log in a third of the time, lest a slow formula make it the slower one.
 */
export function handWrittenDopri5(f: Field, y0: readonly number[], t1: number, tolerance: number): Float64Array {
  const n = y0.length;
  let [y, y1] = [Float64Array.from(y0), new Float64Array(n)];
  const z = new Float64Array(n);
  let [k1, k7] = [new Float64Array(n), new Float64Array(n)];
  const [k2, k3, k4] = [new Float64Array(n), new Float64Array(n), new Float64Array(n)];
  const [k5, k6] = [new Float64Array(n), new Float64Array(n)];
  let t = 0;
  const norm = (x: Float64Array, y1: Float64Array): number => {
    let sum = 0;
    for (let j = 0; j < n; j++) sum += (x[j]! / (tolerance * (1 + Math.max(Math.abs(y[j]!), Math.abs(y1[j]!))))) ** 2;
    return Math.sqrt(sum / n);
  };
  f(t, y, k1);
  // The first step (Hairer, Nørsett & Wanner, II.4).
  const [d0, d1] = [norm(y, y), norm(k1, y)];
  const probe = d0 < 1e-5 || d1 < 1e-5 ? 1e-6 : (0.01 * d0) / d1;
  for (let j = 0; j < n; j++) z[j] = y[j]! + probe * k1[j]!;
  f(probe, z, k2);
  for (let j = 0; j < n; j++) z[j] = k2[j]! - k1[j]!;
  const largest = Math.max(d1, norm(z, y) / probe);
  let h = Math.min(100 * probe, largest <= 1e-15 ? Math.max(1e-6, probe * 1e-3) : (0.01 / largest) ** 0.2);
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
    for (let j = 0; j < n; j++)
      z[j] =
        h *
        ((35 / 384 - 1951 / 21600) * k1[j]! +
          (500 / 1113 - 22642 / 50085) * k3[j]! +
          (125 / 192 - 451 / 720) * k4[j]! +
          (12231 / 42400 - 2187 / 6784) * k5[j]! +
          (11 / 84 - 649 / 6300) * k6[j]! -
          (1 / 60) * k7[j]!);
    const ratio = norm(z, y1);
    const factor = Math.min(10, Math.max(ratio < 1 ? 1 : 0.2, 0.9 * Math.exp(-Math.log(ratio) / 5)));
    if (ratio <= 1) {
      t += h;
      [y, y1] = [y1, y];
      [k1, k7] = [k7, k1];
    }
    h *= factor;
  }
  return y;
}
