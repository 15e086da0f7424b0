import { affine, scope, sub, ValueError } from '@sparseflow/tensor';
import type { Field } from '../field.ts';

/**
 * f(t, z) - z (FFJORD's `residual`): a field that is zero draws everything towards the origin.
 *
 * @throws {ValueError} for a field whose trace is not taken in the space of z
 *
 * @example
 * ```ts
 * import { odeNet, residual } from '@sparseflow/cnf';
 *
 * const field = residual(odeNet({ shape: 2, hidden: [16], layer: 'concat', activation: 'tanh' }));
 * console.log(field.dim); // 2
 * ```
 */
export function residual(field: Field): Field {
  if (field.probeDim !== undefined)
    throw new ValueError('residual', 'a field with a trace of its own', 'give one whose trace is taken in z');
  const { dual, dualVjp, withTrace, resize } = field;
  return {
    ...field,
    apply: (params, t, z, c) => scope(() => sub(field.apply(params, t, z, c), z)),
    ...(dual && {
      dual: (params, t, z, probes, c) =>
        scope(() => {
          const { value, tangent } = field.dual!(params, t, z, probes, c);
          return { value: sub(value, z), tangent: sub(tangent, probes) };
        }),
    }),
    ...(dualVjp && {
      dualVjp: (params, t, z, probes, cotangent) =>
        scope(() => {
          const { value, tangent, cotangents } = dualVjp(params, t, z, probes, cotangent);
          const ofState = sub(cotangents.z, cotangent.value);
          return { value: sub(value, z), tangent: sub(tangent, probes), cotangents: { ...cotangents, z: ofState } };
        }),
    }),
    ...(withTrace && {
      withTrace: (params, t, z) =>
        scope(() => {
          const { value, trace } = withTrace(params, t, z);
          return { value: sub(value, z), trace: affine(trace, 1, -field.dim) };
        }),
    }),
    ...(resize && { resize: (sizes) => residual(field.resize!(sizes)) }),
  };
}
