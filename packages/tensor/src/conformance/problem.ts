import { scope, sizeOf, tensor } from '../index.ts';
import type { Backend, FloatDType, Shape, Tensor } from '../index.ts';
import type { Mode, Problem } from './derivatives.ts';
import { stream, uniform } from './random.ts';
import type { OpSpec } from './spec.ts';

/** The operands of a specification as plain numbers: the same for every backend and dtype. */
export function operandValues(spec: OpSpec): number[][] {
  const random = stream(`${spec.op} ${spec.variant}`);
  return spec.inputs.map(({ values, shape }) => values(random, sizeOf(shape)));
}

/**
 * Uploads the operands of a specification (or `values` in their place). Directions and weights are only drawn where derivatives are
 * asked for.
 */
export function problemOn(
  spec: OpSpec,
  backend: Backend,
  dtype: FloatDType,
  derivatives: boolean,
  values = operandValues(spec),
): Problem {
  const upload = (numbers: number[], shape: Shape, type: FloatDType | 'int32' = dtype): Tensor =>
    tensor(numbers, { backend, shape, dtype: type });
  const operands = spec.inputs.map(({ shape, kind }, i) =>
    upload(values[i]!, shape, kind === 'index' ? 'int32' : dtype),
  );
  const followed = spec.inputs.flatMap(({ kind }, i) => (kind === 'float' ? [i] : []));
  const f = (x: readonly Tensor[]): readonly Tensor[] => {
    const y = spec.f(...operands.map((operand, i) => x[followed.indexOf(i)] ?? operand));
    return 'backend' in y ? [y] : y;
  };
  const x = followed.map((i) => operands[i]!);
  if (!derivatives) return { f, x, u: [], w: [], weights: [] };
  const random = stream(`directions of ${spec.op} ${spec.variant}`);
  const draw = ({ shape }: { readonly shape: Shape }): Tensor => upload(uniform(-1, 1)(random, sizeOf(shape)), shape);
  const u = x.map(draw);
  const w = x.map(draw);
  const shapes = scope(() => f(x).map(({ shape }) => ({ shape })));
  return { f, x, u, w, weights: shapes.map(draw) };
}

/** A tensor that was downloaded. */
export interface Result {
  readonly shape: Shape;
  readonly values: ArrayLike<number>;
}

/** Computes derivatives of a specification and downloads them; frees everything, also when something throws. */
export async function compute(
  spec: OpSpec,
  chosen: readonly Mode[],
  backend: Backend,
  dtype: FloatDType,
): Promise<Result[][]> {
  const results = scope(() => {
    const problem = problemOn(
      spec,
      backend,
      dtype,
      chosen.some(({ order }) => order > 0),
    );
    return chosen.map((mode) => scope(() => mode.compute(problem)));
  });
  try {
    const downloaded: Result[][] = [];
    for (const tensors of results) {
      downloaded.push(await Promise.all(tensors.map(async (y) => ({ shape: y.shape, values: await y.data() }))));
    }
    return downloaded;
  } finally {
    for (const y of results.flat()) y.dispose();
  }
}
