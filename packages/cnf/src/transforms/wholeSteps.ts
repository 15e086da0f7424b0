import { copy, zerosLike } from '@sparseflow/tensor';
import type { DualMlpStepOptions, Params, Tensor } from '@sparseflow/tensor';
import { wholeStep, type AdjointState, type FieldStep, type VectorField } from '@sparseflow/ode-solvers';
import type { Divergence } from '../divergence/divergence.ts';
import type { Field, MovingBack } from '../field.ts';
import type { TrainingState } from './transform.ts';

type Dynamics = VectorField<TrainingState>;

/** A field's own ways to take whole steps, as those of the dynamics of position and log determinant. */
export function wholeSteps(
  field: Field,
  divergence: Divergence,
  probes: Tensor,
): Pick<Dynamics, 'step' | 'adjointStep'> {
  return { step: stepOf(field, divergence, probes), adjointStep: adjointStepOf(field, divergence, probes) };
}

/** Cotangents by the parameters' names; those that the field does not use are made. */
function complete(params: Params, own: Params, make: (name: string) => Tensor): Params {
  return Object.fromEntries(Object.keys(params).map((name) => [name, own[name] ?? make(name)]));
}

function optionsOf({ solver: { a, error }, dt, output }: FieldStep, { weight }: Divergence): DualMlpStepOptions {
  return { method: { a, error: error! }, dt, weight, output };
}

function stepOf({ dualStep }: Field, divergence: Divergence, probes: Tensor): Dynamics['step'] {
  return (
    dualStep &&
    wholeStep((step, y, slope, params) => {
      const taken = dualStep(params, y, slope, probes, optionsOf(step, divergence));
      return taken && { y1: taken.state, slope: taken.slope, error: taken.error, output: taken.output };
    })
  );
}

function adjointStepOf({ dualAdjointStep }: Field, divergence: Divergence, probes: Tensor): Dynamics['adjointStep'] {
  const moving = ({ y, cotangent, params }: AdjointState<TrainingState, Params>): MovingBack => ({
    z: y.z,
    logDet: y.logDet,
    ofZ: cotangent.z,
    ofParams: params,
  });
  return (
    dualAdjointStep &&
    ((step, state, slope, params) => {
      const { logDet } = state.cotangent;
      const options = optionsOf(step, divergence);
      const taken = dualAdjointStep(params, moving(state), moving(slope), logDet, probes, options);
      if (!taken) return undefined;
      // The dynamics do not depend on the log determinant: its cotangent stays as it is.
      const moved = ({ z, logDet: l, ofZ }: Omit<MovingBack, 'ofParams'>, make: (x: Tensor) => Tensor) => ({
        y: { z, logDet: l },
        cotangent: { z: ofZ, logDet: make(logDet) },
      });
      const { slope: last, output, error } = taken;
      return {
        y1: moved(taken.state, copy),
        slope: {
          ...moved(last, zerosLike),
          params: complete(params, last.ofParams, (name) => zerosLike(params[name]!)),
        },
        error: moved(error, zerosLike),
        output: output && moved(output, copy),
        params: complete(params, taken.ofParams, (name) => copy(state.params[name]!)),
      };
    })
  );
}
