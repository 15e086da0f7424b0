import { disposeTree, key, randomNormal, type Backend } from '@sparseflow/tensor';
import { createReferenceBackend } from '@sparseflow/tensor/reference';
import { backsolve, checkpoint, type Adjoint } from '@sparseflow/ode-solvers';
import { describe, expect, it } from 'vitest';
import { cnf, exact, hutchinson, mlp, type Divergence } from '../index.ts';

const reference = createReferenceBackend();

/** Counts whole steps, which it declines, so that their decomposition computes them. */
function stepping(): { backend: Backend; steps: { forward: number; back: number } } {
  const steps = { forward: 0, back: 0 };
  const declined = (name: keyof typeof steps) => (): undefined => {
    steps[name]++;
    return undefined;
  };
  const fused = { dualMlpStep: declined('forward'), dualMlpAdjointStep: declined('back') };
  return { backend: { ...createReferenceBackend(), fused }, steps };
}

async function train(backend: Backend, adjoint: Adjoint, divergence: Divergence) {
  const flow = cnf({ field: mlp({ dim: 2, hidden: [5, 4], activation: 'tanh' }), adjoint, divergence });
  const params = flow.init(key(0), { backend });
  const x = randomNormal(key(1), [7, 2], { backend });
  const { loss, grads, stats } = await flow.lossAndGrad(params, x, { key: key(2) });
  const numbers = [loss, ...Object.values(grads)].map((t) => t.dataSync());
  disposeTree([loss, grads]);
  const logProb = await flow.logProb(params, x, { divergence: exact() });
  numbers.push(logProb.dataSync());
  disposeTree([logProb, params, x]);
  return { numbers, stats };
}

describe('whole steps of a flow', () => {
  it.each([
    { adjoint: backsolve(), divergence: hutchinson(), back: true },
    { adjoint: backsolve(), divergence: exact(), back: true },
    { adjoint: backsolve({ seminorm: false }), divergence: hutchinson({ count: 2 }), back: false },
    { adjoint: checkpoint(), divergence: hutchinson(), back: false },
  ])('give what single evaluations give: $adjoint.name, $divergence.name', async ({ adjoint, divergence, back }) => {
    const { backend, steps } = stepping();
    const live = backend.liveBuffers();
    const whole = await train(backend, adjoint, divergence);
    const single = await train(reference, adjoint, divergence);
    expect(whole.stats).toEqual(single.stats);
    // The same operations in float64, in another order.
    whole.numbers.forEach((values, i) =>
      values.forEach((v, j) => expect(v).toBeCloseTo(Number(single.numbers[i]![j]), 11)),
    );
    expect(steps.forward).toBeGreaterThan(0);
    expect(steps.back > 0).toBe(back);
    expect(backend.liveBuffers()).toBe(live);
  });
});
