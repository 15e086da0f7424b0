import type { FailureFacts, FailureKind } from '../failure.ts';
import type { Wait } from './coroutine.ts';
import type { Journey } from './journey.ts';

/** One state that can be stepped: of tensors, or of plain arrays. */
export interface Stepper {
  /** Function evaluations so far. */
  readonly nfe: number;
  /** Scaled norm of the state. */
  size(): Wait<number>;
  /** Scaled norm of its derivative. */
  slope(t: number): Wait<number>;
  /** Scaled norm of how much the derivative changes over an Euler step of the signed length `h`. */
  bend(t: number, h: number): Wait<number>;
  /** Keeps a copy of the state as an output. */
  output(): void;
  /** Tries a step, with the outputs at the times inside it; gives the error ratio, or 0 where none was asked for. */
  trial(trial: Trial): Wait<number>;
  /** Whether the state at the end of the trial step is finite. */
  isFinite(): Wait<boolean>;
  /**
   * Takes steps as long as nothing but their sizes has to be decided: to before the next stop and the next output. Says where it leaves the
   * rest to others. Absent where deciding costs nothing beside a step, or where steps are looked at one by one.
   */
  readonly glide?: Glide | undefined;
  /** Makes the end of the trial step the state. */
  accept(): void;
  reject(): void;
  /** Of the trial step's outputs keeps the first `count`, and adds the state at t + θ dt. */
  cut(count: number, theta: number): void;
  /** Forgets the derivative at the state: the field jumps here. */
  forget(): void;
  /** The value of an event at t + θ dt of the trial step, or with θ = 0 at the state. */
  event(index: number, time: number, theta: number): Wait<number>;
  /** Keeps the state at t + θ dt of the trial step: an event fired there. */
  mark(theta: number): void;
  /** What is wrong with the state or its derivative, if that is where a non-finite number comes from. */
  fault(t: number): Wait<'state' | 'derivative' | undefined>;
  /** Back to the initial state. */
  restart(): void;
  failure(kind: FailureKind, facts: FailureFacts): Wait<Error>;
}

/**
 * From the time, the step size and the last trial's error ratio to those where others go on; with a fourth number, the error ratio of a
 * trial from there that is not finite.
 */
export type Glide = (
  journey: Journey,
  t: number,
  size: number,
  ratio: number | undefined,
  stop: number | undefined,
) => readonly [t: number, size: number, ratio: number | undefined, halt: number | undefined];

/** A step that is to be tried. */
export interface Trial {
  readonly t: number;
  readonly dt: number;
  /** t + dt, or exactly the time that the step was shortened to. */
  readonly end: number;
  /** Times of outputs in (t, end], or [end, t) backwards. */
  readonly times: readonly number[];
  readonly estimate: boolean;
  /** The step will be accepted whatever its finite error. */
  readonly forced: boolean;
  /** No step follows this one. */
  readonly last: boolean;
}
