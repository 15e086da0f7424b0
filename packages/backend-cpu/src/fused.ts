import {
  sizeOf,
  type ActivationName,
  type AdamParams,
  type Buffer,
  type DualMlpParams,
  type DualMlpStepParams,
  type FusedKernel,
  type Operand,
} from '@sparseflow/tensor';
import { MAX_ARRAYS, type Kernels } from './operations.ts';
import type { Pool } from './pool.ts';
import { patternOf, setPattern, type Pattern } from './sparse.ts';

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

/** Limits of native/problem.hpp and native/updates.hpp; what is beyond them is decomposed. */
const MAX_LAYERS = 64;
const MAX_WIDTH = 2 ** 20;
const MAX_TERMS = 64;
const MAX_PARTS = 300;
const MAX_STAGES = 16;
/** Dense layers wider than that have their gradients summed column by column, which a whole step does not do: stage by stage is faster. */
const WIDE = 256;

/** In a layer's flags. */
const SPARSE = 8;

interface Access {
  readonly floats: (op: string, x: Operand) => Float32Array;
  readonly single: (...xs: Operand[]) => boolean;
  readonly wrap: (values: Float32Array) => Buffer;
  readonly pool: Pool;
}

interface Network {
  readonly numbers: readonly number[];
  /** For each tensor: the pattern that a sparse weight carries. */
  readonly patterns: readonly (Pattern | undefined)[];
  /** What the kernel is told of the patterns. */
  readonly arrays: readonly Float32Array[];
}

/** As native/network.hpp reads it; undefined for networks that have no kernel. */
function networkOf(
  x: Operand,
  tangents: Operand,
  tensors: readonly Operand[],
  { activation, layers }: DualMlpParams,
): Network | undefined {
  const code = activationCodes[activation] as number | undefined;
  if (code === undefined || layers.length === 0 || layers.length > MAX_LAYERS) return undefined;
  const numbers = [x.shape[0]!, x.shape[1]!, tangents.shape[0]!, code];
  const patterns = tensors.map(() => undefined as Pattern | undefined);
  const arrays: Float32Array[] = [];
  let next = 0;
  for (const { bias, scale, shift } of layers) {
    const { shape, buffer } = tensors[next]!;
    const [out, into] = shape as [number, number];
    if (into < 1 || out < 1 || into > MAX_WIDTH || out > MAX_WIDTH) return undefined;
    const pattern = patternOf(buffer);
    patterns[next] = pattern;
    if (pattern?.arrays) arrays.push(...pattern.arrays);
    const sparse = pattern?.arrays !== undefined;
    numbers.push(into, out, Number(bias) + 2 * Number(scale) + 4 * Number(shift) + SPARSE * Number(sparse));
    next += 1 + Number(bias) + Number(scale) + Number(shift);
  }
  return { numbers, patterns, arrays };
}

/** Gradients of surviving weights only, also where the dense kernel computed all of them. */
function clearPruned({ patterns }: Network, results: readonly Float32Array[], only?: 'dense'): void {
  patterns.forEach((pattern, i) => {
    if (!pattern || (only === 'dense' && pattern.arrays)) return;
    const gradient = results[results.length - patterns.length + i]!;
    const { survives } = pattern;
    for (let at = 0; at < survives.length; at++) if (survives[at] === 0) gradient[at] = 0;
  });
}

/** Kernels of the fused operations, for float32. */
export function fusedKernels({ floats, single, wrap, pool }: Access, kernels: Kernels): Record<string, FusedKernel> {
  // Every kernel here writes every element.
  const take = (outputs: readonly { shape: readonly number[] }[]): Float32Array[] =>
    outputs.map(({ shape }) => pool.take(sizeOf(shape)));

  const reverse =
    (name: 'dualMlpVjp' | 'dualMlpWithVjp'): FusedKernel =>
    (inputs, params, outputs) => {
      const [, , x, tangents, ...tensors] = inputs;
      const network = single(...inputs) ? networkOf(x!, tangents!, tensors, params as DualMlpParams) : undefined;
      if (network === undefined) return undefined;
      const results = take(outputs);
      const operands = inputs.map((operand) => floats(name, operand));
      kernels.call(name, network.numbers, results, [...operands, ...network.arrays]);
      clearPruned(network, results, 'dense');
      return results.map(wrap);
    };

  /** Operands and then their directions; the network follows `before` of them. Sparse weights are read as the dense ones they are. */
  const direction =
    (name: 'dualMlpJvp' | 'dualMlpVjpJvp', before: number): FusedKernel =>
    (inputs, params, outputs) => {
      const [x, tangents, ...tensors] = inputs.slice(before, inputs.length / 2);
      const network = single(...inputs) ? networkOf(x!, tangents!, tensors, params as DualMlpParams) : undefined;
      if (network === undefined) return undefined;
      const results = take(outputs);
      const numbers = network.numbers.map((n, i) => (i >= 6 && i % 3 === 0 ? n & ~SPARSE : n));
      kernels.call(
        name,
        numbers,
        results,
        inputs.map((operand) => floats(name, operand)),
      );
      if (before > 0) clearPruned(network, results);
      return results.map(wrap);
    };

  /** A step of a flow, or of its adjoint problem: `before` operands come before the layers, and what gradients there are behind them. */
  const step =
    (name: 'dualMlpStep' | 'dualMlpAdjointStep', before: number, moving: number): FusedKernel =>
    (inputs, params, outputs) => {
      const { network: net, method, dt, weight, output } = params as DualMlpStepParams;
      const stages = method.error.length;
      const gradients = outputs.length - (output ? 4 : 3) * moving;
      const tensors = inputs.slice(before, inputs.length - gradients);
      const network = single(...inputs) ? networkOf(inputs[0]!, inputs[before - 1]!, tensors, net) : undefined;
      if (network === undefined || stages > MAX_STAGES) return undefined;
      const dense = network.arrays.length === 0;
      if (dense && Math.max(...net.layers.map((_, l) => network.numbers[5 + 3 * l]!)) > WIDE) return undefined;
      if (inputs.length + outputs.length + network.arrays.length > MAX_ARRAYS) return undefined;
      const results = take(outputs);
      const operands = inputs.map((operand) => floats(name, operand));
      const rows = method.a.slice(1).flatMap((row, i) => row.slice(0, i + 1));
      const inside = output ? [1, ...output] : [0];
      const numbers = [stages, dt, weight, ...rows, ...method.error, ...inside, ...network.numbers];
      kernels.call(name, numbers, results, [...operands, ...network.arrays]);
      if (gradients > 0) {
        const half = results.length - gradients / 2;
        clearPruned(network, results.slice(0, half), 'dense');
        clearPruned(network, results.slice(half), 'dense');
      }
      return results.map(wrap);
    };

  const rows =
    (name: 'rowDots' | 'scaleRows'): FusedKernel =>
    (inputs, weight, outputs) => {
      if (!single(...inputs)) return undefined;
      const results = take(outputs);
      const operands = inputs.map((operand) => floats(name, operand));
      kernels.call(name, [...inputs[0]!.shape, weight as number], results, operands);
      return results.map(wrap);
    };

  return {
    dualMlp(inputs, params, outputs) {
      const [x, tangents, ...tensors] = inputs;
      const network = single(...inputs) ? networkOf(x!, tangents!, tensors, params as DualMlpParams) : undefined;
      if (network === undefined) return undefined;
      const results = take(outputs);
      const operands = inputs.map((operand) => floats('dualMlp', operand));
      kernels.call('dualMlp', network.numbers, results, [...operands, ...network.arrays]);
      return results.map(wrap);
    },

    dualMlpVjp: reverse('dualMlpVjp'),
    dualMlpWithVjp: reverse('dualMlpWithVjp'),

    dualMlpJvp: direction('dualMlpJvp', 0),
    dualMlpVjpJvp: direction('dualMlpVjpJvp', 2),

    dualMlpStep: step('dualMlpStep', 5, 2),
    dualMlpAdjointStep: step('dualMlpAdjointStep', 8, 3),

    rowDots: rows('rowDots'),
    scaleRows: rows('scaleRows'),

    linearCombination(inputs, params, outputs) {
      const coefficients = params as readonly number[];
      if (!single(...inputs) || inputs.length === 0 || inputs.length > MAX_TERMS) return undefined;
      const results = take(outputs);
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
      const results = take(outputs);
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
      const results = take(outputs);
      kernels.call(
        'adamUpdate',
        adamNumbers(params as AdamParams),
        results,
        inputs.map((operand) => floats('adamUpdate', operand)),
      );
      const buffers = results.map(wrap);
      const [param, , , , mask] = inputs;
      const pattern = patternOf(param!.buffer);
      if (pattern && pattern.mask === mask?.buffer) setPattern(buffers[0], pattern);
      return buffers;
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
