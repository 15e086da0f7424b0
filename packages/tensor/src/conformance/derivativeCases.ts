import type { Backend, FloatDType } from '../index.ts';
import { createReferenceBackend } from '../reference/index.ts';
import type { ConformanceCase } from './case.ts';
import { assertClose, defaultTolerances } from './compare.ts';
import { modes } from './derivatives.ts';
import { compute } from './problem.ts';
import { withoutLeaks } from './leaks.ts';
import { specs } from './specs/index.ts';
import type { OpSpec, Order } from './spec.ts';

const orders: readonly Order[] = [0, 1, 2, 3];

/** Every operation, to every order that its entry asks for, against the reference backend in float64. */
export function derivativeCases(dtype: FloatDType): ConformanceCase[] {
  return specs.flatMap((spec) =>
    orders.filter((order) => order <= spec.order).map((order) => derivativeCase(spec, order, dtype)),
  );
}

function derivativeCase(spec: OpSpec, order: Order, dtype: FloatDType): ConformanceCase {
  // A specification without differentiable operands has a value only; its order says so.
  const chosen = modes.filter((mode) => mode.order === order && mode.everywhere);
  return {
    name: `${spec.op} · ${spec.variant} · ${order === 0 ? 'value' : `derivative ${order}`} · ${dtype}`,
    op: spec.op,
    order,
    dtype,
    run: (backend: Backend, { tolerance = defaultTolerances[dtype] } = {}) =>
      withoutLeaks(backend, async () => {
        const actual = await compute(spec, chosen, backend, dtype);
        const expected = await compute(spec, chosen, createReferenceBackend(), 'float64');
        chosen.forEach((mode, m) => {
          expected[m]!.forEach((y, i) => {
            const bound = tolerance[order] * (spec.condition ?? 1);
            assertClose(`${mode.name}, tensor ${i}`, actual[m]![i]!, y, bound, { elementwise: spec.elementwise });
          });
        });
      }),
  };
}
