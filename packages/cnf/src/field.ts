import { jvp, reshape, scope, slice, stack } from '@sparseflow/tensor';
import type {
  CreateOptions,
  DualMlpStepOptions,
  Key,
  Moving,
  NeuronGroup,
  Params,
  StepTaken,
  Tensor,
} from '@sparseflow/tensor';

/** A time: a number, or a scalar tensor where it is to be differentiated, as where the end of a flow is trained. */
export type Time = number | Tensor;

/** What one dual pass gives: f(t, z) [batch, dim] and its derivative along each probe [count, batch, dim]. */
export interface Dual {
  readonly value: Tensor;
  readonly tangent: Tensor;
}

/** A dual pass and the cotangents of its operands. */
export interface DualVjp extends Dual {
  readonly cotangents: {
    readonly z: Tensor;
    readonly params: Params;
    /** Where the time is a tensor and the field depends on it. */
    readonly t?: Tensor;
  };
}

/** What moves in the adjoint problem of a flow, or its derivative: positions, log determinants, the cotangents of positions and parameters. */
export interface MovingBack extends Moving {
  readonly ofZ: Tensor;
  readonly ofParams: Params;
}

/** A step of the adjoint problem, the cotangents of the parameters at its output, or else at its end. */
export interface MovedBack extends StepTaken<Omit<MovingBack, 'ofParams'>> {
  readonly slope: MovingBack;
  readonly ofParams: Params;
}

/**
 * A vector field dz/dt = f(t, z) with named parameters: pure functions and a description of what can be pruned. Any object of
 * this shape is a field; `mlp` makes one.
 */
export interface Field {
  /** Dimension of z. */
  readonly dim: number;
  /** Width of the context that the field is conditioned on; by default there is none, and a flow of it refuses one. */
  readonly context?: number;
  /**
   * Dimension of the space in which the trace is taken, where that is not the space of z: `dual` then takes probes [count, batch,
   * probeDim] and gives tangents of that size, and tr(∂f/∂z) is the trace of the map between the two.
   */
  readonly probeDim?: number;
  /** Fresh parameters, the same on every backend for one key. */
  init(key: Key, options: CreateOptions): Params;
  /** f(t, z) for z [batch, dim]; `context` is [batch, its width]. */
  apply(params: Params, t: Time, z: Tensor, context?: Tensor): Tensor;
  /** A faster `dual`, where the field has one. By default forward-mode differentiation of `apply`. */
  dual?(params: Params, t: Time, z: Tensor, probes: Tensor, context?: Tensor): Dual;
  /** A faster way to `dual` and its vector-Jacobian product at once, where the field has one and there is no context. */
  dualVjp?(params: Params, t: Time, z: Tensor, probes: Tensor, cotangent: Dual): DualVjp;
  /** f(t, z) and tr(∂f/∂z) [batch] in closed form, where the field has one: taken in place of a dual pass where the exact trace is asked for. */
  withTrace?(params: Params, t: Time, z: Tensor): { readonly value: Tensor; readonly trace: Tensor };
  /**
   * A faster way to a whole step of the flow, where the field does not depend on time, the backend has a kernel and there is no context;
   * undefined where it declines.
   */
  dualStep?(
    params: Params,
    state: Moving,
    slope: Moving,
    probes: Tensor,
    options: DualMlpStepOptions,
  ): StepTaken<Moving> | undefined;
  /** The same for the flow's adjoint problem: `dualVjp` for the negative of the cotangents, of which that of logDet stays as it is. */
  dualAdjointStep?(
    params: Params,
    state: MovingBack,
    slope: MovingBack,
    ofLogDet: Tensor,
    probes: Tensor,
    options: DualMlpStepOptions,
  ): MovedBack | undefined;
  /** Units that can be removed, and the slices of the parameters that go with them. */
  readonly neurons: readonly NeuronGroup[];
  /** At how many positions of one row each weight is used, where that is not once: those of a convolution. */
  readonly positions?: Readonly<Record<string, number>>;
  /** The same field with other numbers of units, by group: what is left of it after pruning. */
  resize?(sizes: Readonly<Record<string, number>>): Field;
  /** What the units of a group put out where no weight leads to them. */
  constants?(params: Params, group: string): UnitConstants;
}

/** What units put out that no weight leads to, and where it arrives. */
export interface UnitConstants {
  /** [size of the group]: for a linear layer, the activation of its bias. The caller disposes it. */
  readonly value: Tensor;
  /** [size]: not zero for units whose value changes with time or place, so that no bias can stand for it. By default none. Also the caller's. */
  readonly varies?: Tensor;
  /** Weights that read the units, each with the bias (of its shape without the units) to which what they send can be added. */
  readonly into: readonly { readonly weight: string; readonly bias: string }[];
}

/** The value of a field and its derivatives along `probes` [count, batch, dim], in one pass. */
export function dualPass(field: Field, params: Params, t: Time, z: Tensor, probes: Tensor, context?: Tensor): Dual {
  if (field.dual) return field.dual(params, t, z, probes, context);
  return scope(() => {
    const count = probes.shape[0]!;
    const passes = Array.from({ length: count }, (_, i) => {
      const probe = reshape(slice(probes, [i, 0, 0], [1, -1, -1]), z.shape);
      return jvp((x: Tensor) => field.apply(params, t, x, context), z, probe);
    });
    return { value: passes[0]!.value, tangent: stack(passes.map(({ tangent }) => tangent)) };
  });
}
