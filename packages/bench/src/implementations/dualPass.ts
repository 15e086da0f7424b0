import { disposeTree, dualMlp, scope, tensor, vjp, type Backend, type Tensor } from '@sparseflow/tensor';
import type { Problem } from '../cases.ts';
import type { Prepared } from './implementation.ts';

/** The dual pass as a program has it, through the tensor package: by the backend's fused kernel, or decomposed where it has none. */
export function prepareDualPass(backend: Backend, problem: Problem): Prepared {
  const { sizes, batch, weights, biases } = problem;
  const [into, out] = [sizes[0]!, sizes[sizes.length - 1]!];
  const make = (values: Float32Array, ...shape: number[]): Tensor => tensor(values, { backend, shape });
  const leaves = {
    x: make(problem.x, batch, into),
    dx: make(problem.dx, 1, batch, into),
    weights: weights.map((w, i) => make(w, sizes[i + 1]!, sizes[i]!)),
    biases: biases.map((b, i) => make(b, sizes[i + 1]!)),
  };
  const cotangents = { value: make(problem.ct, batch, out), tangent: make(problem.dct, 1, batch, out) };
  const pass = ({ x, dx, weights: w, biases: b }: typeof leaves) =>
    dualMlp(
      x,
      dx,
      w.map((weight, i) => ({ weight, bias: b[i]! })),
      'sigmoid',
    );
  const reverse = () =>
    scope(() => {
      const { value, pullback, dispose } = vjp(pass, leaves);
      const result = pullback(cotangents);
      dispose();
      disposeTree(value);
      return result;
    });
  return {
    async forward() {
      const { value, tangent } = scope(() => pass(leaves));
      await value.data();
      disposeTree({ value, tangent });
    },
    async vjp() {
      const result = reverse();
      await result.x.data();
      disposeTree(result);
    },
    async read() {
      const values = scope(() => pass(leaves));
      const gradients = reverse();
      const ofLayers = gradients.weights.flatMap((weight, i) => [weight, gradients.biases[i]!]);
      const result = {
        forward: [await values.value.data(), await values.tangent.data()],
        vjp: await Promise.all([gradients.x, ...ofLayers].map((x) => x.data())),
      };
      disposeTree({ values, gradients });
      return result;
    },
    dispose: () => disposeTree({ leaves, cotangents }),
  };
}
