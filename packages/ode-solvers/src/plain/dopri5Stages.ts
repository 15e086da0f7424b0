import type { PlainField } from '../plain.ts';
import { evaluate, type Stages } from './stages.ts';

/**
 * The stages, the result and the error of a step of dopri5, as `takeStages` takes them, with every coefficient in place: the sums are the same
 * to the last bit, without reading weights. Only the default is written out; the coefficients' source is with the solver.
 */
export function takeDopri5(
  f: PlainField,
  t: number,
  dt: number,
  end: number,
  { each, probe }: Stages,
  y: Float64Array,
  y1: Float64Array,
): void {
  const n = y.length;
  // By index and not by destructuring, whose iterator takes time.
  const k1 = each[0]!;
  const k2 = each[1]!;
  const k3 = each[2]!;
  const k4 = each[3]!;
  const k5 = each[4]!;
  const k6 = each[5]!;
  const k7 = each[6]!;
  for (let j = 0; j < n; j++) probe[j] = y[j]! + dt * ((1 / 5) * k1[j]!);
  evaluate(f, t + (1 / 5) * dt, probe, k2);
  for (let j = 0; j < n; j++) probe[j] = y[j]! + dt * ((3 / 40) * k1[j]! + (9 / 40) * k2[j]!);
  evaluate(f, t + (3 / 10) * dt, probe, k3);
  for (let j = 0; j < n; j++) probe[j] = y[j]! + dt * ((44 / 45) * k1[j]! + (-56 / 15) * k2[j]! + (32 / 9) * k3[j]!);
  evaluate(f, t + (4 / 5) * dt, probe, k4);
  for (let j = 0; j < n; j++)
    probe[j] =
      y[j]! +
      dt * ((19372 / 6561) * k1[j]! + (-25360 / 2187) * k2[j]! + (64448 / 6561) * k3[j]! + (-212 / 729) * k4[j]!);
  evaluate(f, t + (8 / 9) * dt, probe, k5);
  for (let j = 0; j < n; j++)
    probe[j] =
      y[j]! +
      dt *
        ((9017 / 3168) * k1[j]! +
          (-355 / 33) * k2[j]! +
          (46732 / 5247) * k3[j]! +
          (49 / 176) * k4[j]! +
          (-5103 / 18656) * k5[j]!);
  evaluate(f, end, probe, k6);
  for (let j = 0; j < n; j++)
    y1[j] =
      y[j]! +
      dt *
        ((35 / 384) * k1[j]! +
          (500 / 1113) * k3[j]! +
          (125 / 192) * k4[j]! +
          (-2187 / 6784) * k5[j]! +
          (11 / 84) * k6[j]!);
  evaluate(f, end, y1, k7);
  for (let j = 0; j < n; j++)
    probe[j] =
      dt *
      ((35 / 384 - 1951 / 21600) * k1[j]! +
        (500 / 1113 - 22642 / 50085) * k3[j]! +
        (125 / 192 - 451 / 720) * k4[j]! +
        (12231 / 42400 - 2187 / 6784) * k5[j]! +
        (11 / 84 - 649 / 6300) * k6[j]! +
        (-1 / 60) * k7[j]!);
}
