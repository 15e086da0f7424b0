/** An initial value problem for the comparison of ODE solvers. */
export interface OdeProblem {
  readonly name: string;
  readonly y0: readonly number[];
  readonly t1: number;
  /** The tolerances, relative and absolute, to be solved at. */
  readonly tolerances: readonly number[];
  /** What the end should be; undefined where a rounding error decides it. */
  readonly end: readonly number[] | undefined;
  readonly f: (t: number, y: ArrayLike<number>) => number[];
  /** The same, written to `dydt`. */
  readonly into: (t: number, y: ArrayLike<number>, dydt: Float64Array) => void;
}

/** Chaotic: after t of about 40 every solver ends elsewhere, so only its time is compared. */
const lorenz: OdeProblem = {
  name: 'Lorenz to 100',
  y0: [1, 1, 1],
  t1: 100,
  tolerances: [1e-8],
  end: undefined,
  f: (_t, y) => [10 * (y[1]! - y[0]!), y[0]! * (28 - y[2]!) - y[1]!, y[0]! * y[1]! - (8 / 3) * y[2]!],
  into(_t, y, dydt) {
    dydt[0] = 10 * (y[1]! - y[0]!);
    dydt[1] = y[0]! * (28 - y[2]!) - y[1]!;
    dydt[2] = y[0]! * y[1]! - (8 / 3) * y[2]!;
  },
};

const start = [0.994, 0, 0, -2.00158510637908252240537862224];
const MOON = 0.012277471;

/**
 * A satellite's orbit round earth and moon, closed after one period, so that its end is its start (Hairer, Nørsett & Wanner,
 * Solving ODEs I, II.0). Steps differ a thousandfold along it.
 */
const arenstorf: OdeProblem = {
  name: 'Arenstorf orbit',
  y0: start,
  t1: 17.0652165601579625588917206249,
  tolerances: [1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-11, 1e-12],
  end: start,
  f(t, y) {
    const dydt = new Float64Array(4);
    arenstorf.into(t, y, dydt);
    return [dydt[0]!, dydt[1]!, dydt[2]!, dydt[3]!];
  },
  into(_t, y, dydt) {
    const [x, z] = [y[0]!, y[1]!];
    const [toEarth, toMoon] = [x + MOON, x - 1 + MOON];
    const d1 = (toEarth * toEarth + z * z) ** 1.5;
    const d2 = (toMoon * toMoon + z * z) ** 1.5;
    dydt[0] = y[2]!;
    dydt[1] = y[3]!;
    dydt[2] = x + 2 * y[3]! - ((1 - MOON) * toEarth) / d1 - (MOON * toMoon) / d2;
    dydt[3] = z - 2 * y[2]! - ((1 - MOON) * z) / d1 - (MOON * z) / d2;
  },
};

export const ODE_PROBLEMS: readonly OdeProblem[] = [lorenz, arenstorf];
