import {
  sizeOf,
  type ActivationName,
  type AdamParams,
  type Buffer,
  type DualMlpParams,
  type FusedKernel,
  type Operand,
} from '@sparseflow/tensor';
import type { Kernels } from './operations.ts';

/** Codes as in native/activations.hpp. */
const activationCodes: Readonly<Record<ActivationName, number>> = {
  sigmoid: 0,
  tanh: 1,
  softplus: 2,
  relu: 3,
  elu: 4,
  swish: 5,
  identity: 6,
};

/** Limits of native/problem.hpp and native/engine.hpp; what is beyond them is decomposed. */
const MAX_LAYERS = 64;
const MAX_WIDTH = 2 ** 20;
const MAX_TERMS = 64;
const MAX_PARTS = 300;

interface Access {
  readonly floats: (op: string, x: Operand) => Float32Array;
  readonly single: (...xs: Operand[]) => boolean;
  readonly wrap: (values: Float32Array) => Buffer;
}

/** batch, dim, count, activation, then in, out and flags of each layer; undefined for networks that have no kernel. */
function networkNumbers(
  x: Operand,
  tangents: Operand,
  tensors: readonly Operand[],
  { activation, layers }: DualMlpParams,
): number[] | undefined {
  const code = activationCodes[activation] as number | undefined;
  if (code === undefined || layers.length === 0 || layers.length > MAX_LAYERS) return undefined;
  const numbers = [x.shape[0]!, x.shape[1]!, tangents.shape[0]!, code];
  let next = 0;
  for (const { bias, scale, shift } of layers) {
    const [out, into] = tensors[next]!.shape as [number, number];
    if (into < 1 || out < 1 || into > MAX_WIDTH || out > MAX_WIDTH) return undefined;
    numbers.push(into, out, Number(bias) + 2 * Number(scale) + 4 * Number(shift));
    next += 1 + Number(bias) + Number(scale) + Number(shift);
  }
  return numbers;
}

/** Kernels of the fused operations, for float32. */
export function fusedKernels({ floats, single, wrap }: Access, kernels: Kernels): Record<string, FusedKernel> {
  const allocate = (outputs: readonly { shape: readonly number[] }[]): Float32Array[] =>
    outputs.map(({ shape }) => new Float32Array(sizeOf(shape)));

  return {
    dualMlp(inputs, params, outputs) {
      const [x, tangents, ...tensors] = inputs;
      const numbers = single(...inputs) ? networkNumbers(x!, tangents!, tensors, params as DualMlpParams) : undefined;
      if (numbers === undefined) return undefined;
      const results = allocate(outputs);
      kernels.call(
        'dualMlp',
        numbers,
        results,
        inputs.map((operand) => floats('dualMlp', operand)),
      );
      return results.map(wrap);
    },

    dualMlpVjp(inputs, params, outputs) {
      const [, , x, tangents, ...tensors] = inputs;
      const numbers = single(...inputs) ? networkNumbers(x!, tangents!, tensors, params as DualMlpParams) : undefined;
      if (numbers === undefined) return undefined;
      const results = allocate(outputs);
      kernels.call(
        'dualMlpVjp',
        numbers,
        results,
        inputs.map((operand) => floats('dualMlpVjp', operand)),
      );
      return results.map(wrap);
    },

    linearCombination(inputs, params, outputs) {
      const coefficients = params as readonly number[];
      if (!single(...inputs) || inputs.length === 0 || inputs.length > MAX_TERMS) return undefined;
      const results = allocate(outputs);
      kernels.call(
        'linearCombination',
        coefficients,
        results,
        inputs.map((operand) => floats('linearCombination', operand)),
      );
      return results.map(wrap);
    },

    scaledErrorNorm(inputs, params, outputs) {
      const { rtol, atol } = params as { readonly rtol: number; readonly atol: number };
      if (!single(...inputs) || inputs.length > MAX_PARTS) return undefined;
      const results = allocate(outputs);
      kernels.call(
        'scaledErrorNorm',
        [rtol, atol],
        results,
        inputs.map((operand) => floats('scaledErrorNorm', operand)),
      );
      return results.map(wrap);
    },

    adamUpdate(inputs, params, outputs) {
      if (!single(...inputs)) return undefined;
      const results = allocate(outputs);
      kernels.call(
        'adamUpdate',
        adamNumbers(params as AdamParams),
        results,
        inputs.map((operand) => floats('adamUpdate', operand)),
      );
      return results.map(wrap);
    },
  };
}

/** The fields of AdamStep in native/problem.hpp: what depends on the step is worked out in double precision. */
function adamNumbers(p: AdamParams): number[] {
  return [
    p.beta1,
    1 - p.beta1,
    p.beta2,
    1 - p.beta2,
    p.epsilon,
    p.decoupled ? 1 - p.learningRate * p.weightDecay : 1,
    p.decoupled ? 0 : p.weightDecay,
    p.learningRate / (1 - p.beta1 ** p.step),
    1 / Math.sqrt(1 - p.beta2 ** p.step),
  ];
}
