import { wait, type March } from './coroutine.ts';
import { failed } from './failed.ts';
import type { Journey } from './journey.ts';
import type { Plan } from '../plan.ts';
import type { Trial } from './stepper.ts';

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
export function* look(journey: Journey, { t, dt, end }: Trial): March<Zero | undefined> {
  const { stepper, plan, watch, events: fired } = journey;
  const { events, direction, t1 } = plan;
  const found: Zero[] = [];
  for (let event = 0; event < events.length; event++) {
    const before = watch[event]!.value;
    const after = yield* valueOf(journey, event, end, 1);
    watch[event] = { value: after, closest: Math.min(watch[event]!.closest, Math.abs(after)) };
    const [crossed, unwanted] = before > 0 ? [after <= 0, 'up'] : [after >= 0, 'down'];
    if (before === 0 || !crossed || events[event]!.direction === unwanted) continue;
    const theta = yield* root(journey, event, t, dt, before, after);
    const time = theta === 1 ? end : t + theta * dt;
    if ((time - t1) * direction <= 0) found.push({ event, theta, time });
  }
  found.sort((a, b) => a.theta - b.theta);
  for (const { event, theta, time } of found) {
    fired.push({ event, t: time });
    stepper.mark(theta);
    if (events[event]!.terminal ?? true) return { event, theta, time };
  }
  return undefined;
}

/**
 * The value of an event at t + θ dt of a trial step, or with θ = 0 at the state.
 * @throws where it is no number, NaN included: no zero would ever be seen
 */
export function* valueOf(journey: Journey, event: number, time: number, theta: number): March<number> {
  const { stepper, plan, reached } = journey;
  const value = yield* wait(stepper.event(event, time, theta));
  if (typeof value === 'number' && !Number.isNaN(value)) return value;
  // The fault may be the initial state's. The end of a step is finite when it is asked for its events.
  const kind = (yield* wait(stepper.fault(reached))) ?? 'eventValue';
  const because = `${nameOf(plan, event)} is ${value} at t = ${time}`;
  throw yield* failed(journey, kind, { time: reached, stepSize: 0, because });
}

/** What messages call an event. */
export function nameOf({ events }: Pick<Plan, 'events'>, event: number): string {
  return events[event]!.name ?? `event ${event}`;
}

/** A required event that has not fired, in words. */
export function missing({ plan, watch, events: fired }: Journey): string | undefined {
  const i = plan.events.findIndex(({ required }, n) => required && !fired.some(({ event }) => event === n));
  if (i < 0) return undefined;
  const { value, closest } = watch[i]!;
  return `${nameOf(plan, i)} has no zero: it came no closer than ${closest} and is ${value}`;
}

/** A zero between θ = 0 and 1, by regula falsi with the Illinois rule and, where that stalls, bisection. */
function* root(journey: Journey, event: number, t: number, dt: number, before: number, after: number): March<number> {
  let [a, fa, b, fb] = [0, before, 1, after];
  const enough = (2 ** -50 * Math.max(Math.abs(t), Math.abs(t + dt))) / Math.abs(dt);
  let side = 0;
  for (let n = 0; n < 100 && b - a > enough && fb !== 0; n++) {
    const secant = (a * fb - b * fa) / (fb - fa);
    const x = n % 4 === 3 || !(secant > a && secant < b) ? (a + b) / 2 : secant;
    const value = yield* valueOf(journey, event, t + x * dt, x);
    if (Math.sign(value) === Math.sign(fa)) {
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
