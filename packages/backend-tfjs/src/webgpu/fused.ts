import type { AdamParams, DualMlpParams, Shape } from '@sparseflow/tensor';
import type { Info, Runtime } from '../runtime.ts';
import { dualMlpKernels, type Block } from './dualMlp.ts';
import type { PackedNetworks } from './pack.ts';
import type { GpuQueue } from './queue.ts';
import { adamUpdate, linearCombination, rowDots, scaledErrorNorm, scaleRows } from './vectors.ts';

/** A kernel for float32 operands, where it has one for them: undefined lets the decomposition run. */
export type GpuKernel = (inputs: readonly Block[], shapes: readonly Shape[], params: unknown) => Block[] | undefined;

/** Kernels of tensor's fused operations, by name. */
export function fusedOnWebGpu(
  rt: Runtime,
  queue: GpuQueue,
  networks: PackedNetworks,
): Readonly<Record<string, GpuKernel>> {
  const dualMlp = dualMlpKernels(rt, queue, networks);
  /** Operations that say nothing of operands without elements. */
  const ofElements =
    <P>(kernel: (inputs: readonly Info[], params: P) => Info[]): GpuKernel =>
    (inputs, _, params) =>
      inputs.every((x) => x !== undefined) ? kernel(inputs, params as P) : undefined;
  return {
    dualMlp: (inputs, shapes, params) => dualMlp.forward(inputs, shapes, params as DualMlpParams),
    dualMlpVjp: (inputs, shapes, params) => dualMlp.reverse(false)(inputs, shapes, params as DualMlpParams),
    dualMlpWithVjp: (inputs, shapes, params) => dualMlp.reverse(true)(inputs, shapes, params as DualMlpParams),
    linearCombination: (inputs, shapes, params) => {
      const read = (params as readonly number[]).flatMap((c, i) => (c === 0 ? [] : [{ c, x: inputs[i] }]));
      if (read.length === 0) return undefined;
      return ofElements((xs) => [linearCombination(queue, xs, read.map(({ c }) => c))])(read.map(({ x }) => x), shapes, params); // prettier-ignore
    },
    scaledErrorNorm: ofElements((inputs, params: { rtol: number; atol: number }) => [
      scaledErrorNorm(queue, inputs, params),
    ]),
    adamUpdate: ofElements((inputs, params: AdamParams) => adamUpdate(queue, inputs, params)),
    rowDots: ofElements((inputs, weight: number) => [rowDots(queue, inputs, weight)]),
    scaleRows: ofElements((inputs, weight: number) => [scaleRows(queue, inputs, weight)]),
  };
}
