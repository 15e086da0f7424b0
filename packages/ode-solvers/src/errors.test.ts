import { describe, expect, it } from 'vitest';
import { mul, neg, reciprocal, scope, sqrt, square, sub, tensor, type Tensor } from '@sparseflow/tensor';
import { createReferenceBackend } from '@sparseflow/tensor/reference';
import { at } from '../test/problems.ts';
import {
  euler,
  MaxStepsError,
  NonFiniteDerivativeError,
  NonFiniteStateError,
  rk4,
  solve,
  StepSizeUnderflowError,
  type SolveOptions,
  type VectorField,
} from './index.ts';

type Failed = StepSizeUnderflowError | MaxStepsError | NonFiniteStateError | NonFiniteDerivativeError;

/** Solves and gives the error; checks that nothing leaks. */
async function failureOf(
  f: VectorField<Tensor, Readonly<Record<string, never>>>,
  y0: Tensor,
  options: Partial<SolveOptions>,
): Promise<Failed> {
  const before = y0.backend.liveBuffers();
  const error: unknown = await solve(f, y0, {}, { t0: 0, t1: 1, ...options }).catch((e: unknown) => e);
  expect(y0.backend.liveBuffers()).toBe(before);
  expect(error).toHaveProperty('report');
  return error as Failed;
}

const nan = (x: Tensor): Tensor => scope(() => sqrt(sub(mul(x, 0), 1)));

describe('failures explain themselves', () => {
  it('when the solution ends at a singularity', async () => {
    // y' = y², y(0) = 1 is 1 / (1 - t).
    const error = await failureOf((_t, y) => square(y), at([1, 0.5]), { t1: 2, rtol: 1e-6, atol: 1e-6 });
    expect(error).toBeInstanceOf(StepSizeUnderflowError);
    expect(error).toMatchInlineSnapshot(
      `[StepSizeUnderflowError: dopri5: a step of 9.6e-17 does not move the time at t = 1, 50% of the interval (200 accepted steps, 199 rejected, 2396 evaluations). State: growth 1.5e+15-fold (rms); worst: y[0] = 1.7e+15, y[1] = 1. Error: last estimate 1.5 × tolerance; y[0] 2.1 × tolerance, y[1] 3.9e-28 × tolerance. To fix: loosen the tolerances, set minStep or take fixed steps; after growth suspect a singularity; in training lower the learning rate or add weight decay.]`,
    );
    const { report } = error;
    expect(report.code).toBe(error.code);
    expect(Math.abs(report.time - 1)).toBeLessThan(1e-6);
    expect(report.components[0]!.name).toBe('y[0]');
    expect(report.growth).toBeGreaterThan(1e6);
  });

  it('when there are too many steps', async () => {
    const stiff = (_t: number, y: Tensor): Tensor => mul(y, -1e6);
    const error = await failureOf(stiff, at([[1, 2]]), { maxSteps: 50, rtol: 1e-5, atol: 1e-5 });
    expect(error).toBeInstanceOf(MaxStepsError);
    expect(error).toMatchInlineSnapshot(
      `[MaxStepsError: dopri5: 50 steps did not reach the end; the next, of 3.4e-6, begins at t = 1.01218e-4, 0.0101% of the interval (42 accepted steps, 8 rejected, 302 evaluations). State: growth 3.9e-6-fold (rms); worst: y[0, 1] = 7.9e-6, y[0, 0] = 3.9e-6. Error: last estimate 0.39 × tolerance; y[0, 1] 0.37 × tolerance, y[0, 0] 0.18 × tolerance. To fix: loosen the tolerances, or raise maxSteps; if many were rejected or very short, see solveStiff.]`,
    );
    expect(error.report.accepted + error.report.rejected).toBe(50);
  });

  it('when the initial state is not finite', async () => {
    for (const options of [{}, { firstStep: 0.1 }, { solver: euler, steps: 5 }]) {
      const error = await failureOf((_t, y) => neg(y), at([1, NaN, 2, -Infinity]), options);
      expect(error).toBeInstanceOf(NonFiniteStateError);
      expect(error.report).toMatchObject({ time: 0, nonFinite: 2, code: 'NON_FINITE_STATE' });
      expect(error.report.components.map(({ name }) => name)).toEqual(['y[1]', 'y[3]']);
      if (!('solver' in options) && !('firstStep' in options))
        expect(error).toMatchInlineSnapshot(
          `[NonFiniteStateError: dopri5: the state is not finite at t = 0, 0% of the interval (0 accepted steps, 0 rejected, 1 evaluation). State: 2 of 4 components not finite; worst: y[1] = NaN, y[3] = -Infinity. Error: state of y[1] NaN, state of y[3] -Infinity. To fix: look for NaN in the parameters or the initial state, or take shorter steps.]`,
        );
    }
  });

  it('when the vector field gives NaN at the start', async () => {
    for (const options of [{}, { firstStep: 0.1 }, { solver: rk4, steps: 5 }]) {
      const error = await failureOf((_t, y) => nan(y), at([1, 2]), options);
      expect(error).toBeInstanceOf(NonFiniteDerivativeError);
      expect(error.report).toMatchObject({ time: 0, nonFinite: 2, accepted: 0 });
      if (!('solver' in options) && !('firstStep' in options))
        expect(error).toMatchInlineSnapshot(
          `[NonFiniteDerivativeError: dopri5: the vector field is not finite at t = 0, 0% of the interval, step 1e-6 (0 accepted steps, 0 rejected, 1 evaluation). State: growth 1-fold (rms); 2 of 2 components not finite; worst: y[0] = 1, y[1] = 2. Error: derivative of y[0] NaN, derivative of y[1] NaN. To fix: look for NaN in the parameters, for log, sqrt or division outside their domain, or take shorter steps.]`,
        );
    }
  });

  it('when the vector field gives NaN from some time on', async () => {
    const f = (t: number, y: Tensor): Tensor => (t > 0.5 ? nan(y) : neg(y));
    const error = await failureOf(f, at(1), { rtol: 1e-5, atol: 1e-5 });
    expect(error).toBeInstanceOf(NonFiniteDerivativeError);
    expect(error).toMatchInlineSnapshot(
      `[NonFiniteDerivativeError: dopri5: the vector field is not finite at t = 0.5, 50% of the interval, step 3.5e-17 (35 accepted steps, 70 rejected, 632 evaluations). State: growth 0.61-fold (rms); 1 of 1 component not finite; worst: y = 0.61. Error: y NaN × tolerance. To fix: look for NaN in the parameters, for log, sqrt or division outside their domain, or take shorter steps.]`,
    );
    expect(error.report.time).toBeLessThanOrEqual(0.5);
    expect(error.report.time).toBeGreaterThan(0.5 - 1e-9);
    // At a forced smallest step there is no way on either.
    expect(await failureOf(f, at(1), { minStep: 0.01 })).toBeInstanceOf(NonFiniteDerivativeError);
    const fixed = await failureOf(f, at(1), { solver: rk4, steps: 10 });
    expect(fixed).toBeInstanceOf(NonFiniteStateError);
    expect(fixed.report).toMatchObject({ time: 0.5, accepted: 5, nfe: 65 });
    expect(fixed).toMatchInlineSnapshot(
      `[NonFiniteStateError: rk4: the state is not finite after a step of 0.1 that begins at t = 0.5, 50% of the interval (5 accepted steps, 0 rejected, 65 evaluations). State: growth 0.61-fold (rms); 1 of 1 component not finite; worst: y = 0.61. Error: state of y NaN. To fix: look for NaN in the parameters or the initial state, or take shorter steps.]`,
    );
  });

  it('when fixed steps are too long, and says how the state has grown', async () => {
    const cubic = (_t: number, y: Tensor): Tensor => scope(() => neg(mul(y, square(y))));
    const error = await failureOf(cubic, at([20, 0.1]), { solver: euler, steps: 12 });
    // The field overflows before the state does.
    expect(error).toBeInstanceOf(NonFiniteDerivativeError);
    expect(error).toMatchInlineSnapshot(
      `[NonFiniteDerivativeError: euler: the vector field is not finite at t = 0.416667, 41.7% of the interval, step 0.083 (5 accepted steps, 0 rejected, 19 evaluations). State: growth 1.6e+183-fold (rms); 1 of 2 components not finite; worst: y[0] = -3.1e+184, y[1] = 0.1. Error: derivative of y[0] Infinity, derivative of y[1] -9.9e-4. To fix: look for NaN in the parameters, for log, sqrt or division outside their domain, or take shorter steps.]`,
    );
    expect(error.report.growth).toBeGreaterThan(1e100);
  });

  it('on backends that compute asynchronously, too', async () => {
    const { downloadSync: _, ...waiting } = createReferenceBackend();
    const start = (values: number[]): Tensor => tensor(values, { backend: waiting });
    const options = { t1: 2, rtol: 1e-6, atol: 1e-6 };
    expect(await failureOf((_t, y) => square(y), start([1]), options)).toBeInstanceOf(StepSizeUnderflowError);
    expect(await failureOf((_t, y) => neg(y), start([NaN]), options)).toBeInstanceOf(NonFiniteStateError);
    expect(await failureOf((_t, y) => nan(y), start([1]), options)).toBeInstanceOf(NonFiniteDerivativeError);
    expect(await failureOf((_t, y) => mul(y, -1e6), start([1]), { maxSteps: 9 })).toBeInstanceOf(MaxStepsError);
    const fixed = { solver: euler, steps: 3 };
    expect(await failureOf((_t, y) => nan(y), start([1]), fixed)).toBeInstanceOf(NonFiniteDerivativeError);
  });
});

it('shortens a step into a region where the field is not defined, instead of giving up', async () => {
  // y' = -1 / (2 √y) has y = (1 - 3t/4)^(2/3); a step past y = 0 takes the root of a negative number.
  const f = (_t: number, y: Tensor): Tensor => scope(() => mul(reciprocal(sqrt(y)), -0.5));
  const { y1, stats } = await solve(f, at([1]), {}, { t0: 0, t1: 1, firstStep: 50, rtol: 1e-6, atol: 1e-6 });
  expect(stats.rejected).toBeGreaterThan(0);
  expect(Math.abs(y1.dataSync()[0]! - 0.25 ** (2 / 3))).toBeLessThan(1e-5);
});
