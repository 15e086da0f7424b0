import type { Params, Tensor } from '@sparseflow/tensor';
import type { Divergence } from '../divergence/divergence.ts';
import type { Dual, Field, Time } from '../field.ts';

/** An evaluation of a field, with what its divergence needed anyway. */
export interface Evaluated {
  readonly field: Field;
  readonly params: Params;
  readonly t: Time;
  readonly z: Tensor;
  readonly context: Tensor | undefined;
  readonly divergence: Divergence;
  readonly probes: Tensor;
  readonly dual: Dual;
}

/** Something that is integrated along the path and added to the training loss, times its weight: flows that are easier to solve. */
export interface Regulariser {
  readonly name: string;
  readonly weight: number;
  /** It reads of the dual pass the field's value only, so that a trace in closed form can do without the tangents. */
  readonly valueOnly?: boolean;
  /** Per unit of time, [batch]. Differentiable in parameters and state. */
  rate(at: Evaluated): Tensor;
}
