import { wait, type March } from './coroutine.ts';
import type { Journey } from './journey.ts';
import type { Stepper, Trial } from './stepper.ts';

/** An event as the steps see it: a function of time and state whose zeros are looked for. */
export interface EventOptions {
  /** For messages. Default: its number. */
  readonly name?: string | undefined;
  /** Which zeros count: where the value rises (`up`), falls (`down`), or both (default), in the direction of integration. */
  readonly direction?: 'up' | 'down' | 'both' | undefined;
  /** The solve ends there. Default true. */
  readonly terminal?: boolean | undefined;
  /** That it has not fired by `t1` is a failure. Default false. */
  readonly required?: boolean | undefined;
}

/** An event that fired. */
export interface Fired {
  /** Its place in `events`. */
  readonly event: number;
  readonly t: number;
}

/** What is known of an event: its value at the end of the last step, and the smallest size of it so far. */
interface Watched {
  value: number;
  closest: number;
}

export type Watch = Watched[];

/** A zero of an event inside a trial step, at t + θ dt. */
interface Zero {
  readonly event: number;
  readonly theta: number;
  readonly time: number;
}

/** Looks for zeros inside an acceptable trial step. Gives the first terminal one. */
export function* look(
  { stepper, plan, watch, events: fired }: Journey,
  { t, dt, end }: Trial,
): March<Zero | undefined> {
  const { events, direction, t1 } = plan;
  const found: Zero[] = [];
  for (let event = 0; event < events.length; event++) {
    const before = watch[event]!.value;
    const after = yield* wait(stepper.event(event, end, 1));
    watch[event] = { value: after, closest: Math.min(watch[event]!.closest, Math.abs(after)) };
    const unwanted = before > 0 ? 'up' : 'down';
    if (before === 0 || !(before * after <= 0) || events[event]!.direction === unwanted) continue;
    const theta = yield* root(stepper, event, t, dt, before, after);
    const time = theta === 1 ? end : t + theta * dt;
    if ((time - t1) * direction <= 0) found.push({ event, theta, time });
  }
  found.sort((a, b) => a.theta - b.theta);
  for (const zero of found) {
    const { event, theta, time } = zero;
    fired.push({ event, t: time });
    stepper.mark(theta);
    if (events[event]!.terminal ?? true) return zero;
  }
  return undefined;
}

/** A required event that has not fired, in words. */
export function missing({ plan, watch, events: fired }: Journey): string | undefined {
  const i = plan.events.findIndex(({ required }, n) => required && !fired.some(({ event }) => event === n));
  if (i < 0) return undefined;
  const { value, closest } = watch[i]!;
  const { name = `event ${i}` } = plan.events[i]!;
  return `${name} has no zero: its value is ${value} at the end and came no closer than ${closest} to 0`;
}

/** A zero between θ = 0 and 1, by regula falsi with the Illinois rule and, where that stalls, bisection. */
function* root(stepper: Stepper, event: number, t: number, dt: number, before: number, after: number): March<number> {
  let [a, fa, b, fb] = [0, before, 1, after];
  const enough = (2 ** -50 * Math.max(Math.abs(t), Math.abs(t + dt))) / Math.abs(dt);
  let side = 0;
  for (let n = 0; n < 100 && b - a > enough && fb !== 0; n++) {
    const secant = (a * fb - b * fa) / (fb - fa);
    const x = n % 4 === 3 || !(secant > a && secant < b) ? (a + b) / 2 : secant;
    if (x === a || x === b) break;
    const value = yield* wait(stepper.event(event, t + x * dt, x));
    if (value * fa > 0) {
      [a, fa] = [x, value];
      if (side === 1) fb /= 2;
      side = 1;
    } else {
      [b, fb] = [x, value];
      if (side === -1) fa /= 2;
      side = -1;
    }
  }
  return b;
}
