import { sparsify } from '@sparseflow/backend-cpu';
import { tensor, type Backend, type DType, type FusedKernel, type Operand, type Shape } from '@sparseflow/tensor';
import type { Problem } from '../cases.ts';
import type { Prepared } from './implementation.ts';

/**
 * The fused kernels of a backend, called as the tensor package calls them, without its bookkeeping.
 *
 * @param masks of the weights, which are then sparse
 */
export function prepareKernels(backend: Backend, problem: Problem, masks?: readonly Float32Array[]): Prepared {
  const { sizes, batch } = problem;
  const dtype: DType = 'float32';
  const operand = (values: Float32Array, ...shape: number[]): Operand => ({
    buffer: backend.upload(values, shape, dtype),
    shape,
    dtype,
  });
  const weightOf = (values: Float32Array, i: number): Operand => {
    const shape = [sizes[i + 1]!, sizes[i]!];
    if (masks === undefined) return operand(values, ...shape);
    const [w, mask] = [tensor(values, { backend, shape }), tensor(masks[i]!, { backend, shape })];
    const { buffer } = sparsify({ w }, { w: mask })['w']!;
    w.dispose();
    mask.dispose();
    return { buffer, shape, dtype };
  };
  const [into, out] = [sizes[0]!, sizes[sizes.length - 1]!];
  const tensors = problem.weights.flatMap((weight, i) => [
    weightOf(weight, i),
    operand(problem.biases[i]!, sizes[i + 1]!),
  ]);
  const inputs = [operand(problem.x, batch, into), operand(problem.dx, 1, batch, into), ...tensors];
  const cotangents = [operand(problem.ct, batch, out), operand(problem.dct, 1, batch, out)];
  const params = {
    activation: 'sigmoid',
    layers: problem.weights.map(() => ({ bias: true, scale: false, shift: false })),
  };
  const outputs = [
    { shape: [batch, out] as Shape, dtype },
    { shape: [1, batch, out] as Shape, dtype },
  ];
  const run = (name: string, operands: Operand[], results: Parameters<FusedKernel>[2]): Operand[] => {
    const buffers = backend.fused?.[name]?.(operands, params, results);
    if (!buffers) throw new Error(`${backend.name} has no kernel ${name}`);
    return buffers.map((buffer, i) => ({ ...results[i]!, buffer }));
  };
  const free = (operands: readonly Operand[]): void => operands.forEach(({ buffer }) => backend.dispose(buffer));
  const forward = (): Operand[] => run('dualMlp', inputs, outputs);
  const vjp = (): Operand[] => run('dualMlpVjp', [...cotangents, ...inputs], inputs);
  return {
    forward: () => free(forward()),
    vjp: () => free(vjp()),
    async read() {
      const values = forward();
      const gradients = vjp();
      const result = {
        forward: values.map((x) => backend.downloadSync!(x)),
        // Without the cotangent of dx, which flows do not need.
        vjp: gradients.filter((_, i) => i !== 1).map((x) => backend.downloadSync!(x)),
      };
      free([...values, ...gradients]);
      return result;
    },
    dispose: () => free([...inputs, ...cotangents]),
  };
}
