import type { LeafField, Leaves } from '../rungeKutta.ts';

/** A step's place. */
export interface Place {
  readonly t: number;
  readonly dt: number;
  /** t + dt, free of rounding. */
  readonly end: number;
}

/** The state, and the companion that makes the method reversible. */
export interface Pair {
  readonly y: Leaves;
  readonly z: Leaves;
}

/** A method whose steps can be undone: `back` gives what `step` was given, up to rounding. */
export interface ReversibleMethod {
  readonly name: string;
  readonly order: number;
  start(f: LeafField, t: number, y: Leaves): Leaves;
  step(f: LeafField, place: Place, pair: Pair): Pair;
  back(f: LeafField, place: Place, pair: Pair): Pair;
}
