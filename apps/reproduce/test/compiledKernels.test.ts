// The original implementation's numbers on every compiled path of the CPU backend, in float32, as the studies compute.
import { createCpuBackend, describeCpu, type CpuBackendOptions } from '@sparseflow/backend-cpu';
import { cnf, exact, hutchinson, mlp, type Divergence } from '@sparseflow/cnf';
import { backsolve, checkpoint } from '@sparseflow/ode-solvers';
import { tensor } from '@sparseflow/tensor';
import { describe, expect, test } from 'vitest';
import { cases, maxDifference, paramsOf } from '../../../packages/cnf/test/fixtures.ts';

const ways: readonly CpuBackendOptions[] = [
  { path: 'native', instructionSet: 'avx512' },
  { path: 'native', instructionSet: 'avx2' },
  { path: 'native', instructionSet: 'baseline' },
  { path: 'wasm' },
];

function runs(way: CpuBackendOptions): boolean {
  try {
    describeCpu(way);
    return true;
  } catch {
    return false;
  }
}

test('there are compiled paths', () => {
  expect(ways.filter(runs).map(({ path }) => path)).toEqual(expect.arrayContaining(['native', 'wasm']));
});

describe.each(ways.filter(runs))('$path $instructionSet', (way) => {
  const backend = createCpuBackend({ ...way, threads: 2 });

  describe.each(cases)('the original implementation, $activation $dims', (c) => {
    const field = mlp({ dim: 2, hidden: c.dims.slice(1, -1), activation: c.activation });
    const params = paramsOf(c.weights, backend);
    const x = tensor(c.x, { backend });
    const given: Divergence = { ...hutchinson(), probes: () => tensor([c.noise], { backend }) };

    // float32 cannot follow steps at 1e-10. At 1e-5 the steps are the original's; some fifty evaluations of numbers up to 10 round at
    // 6e-8 of them, which is 3e-5 of a point in the end, and far less of means over points.
    test.each(c.runs.filter(({ tol }) => tol > 1e-7))(
      'agrees on log p and its gradient: $trace trace, $mode, tolerance $tol',
      async (run) => {
        const divergence = run.trace === 'exact' ? exact() : given;
        const adjoint = run.mode === 'autograd' ? checkpoint() : backsolve({ seminorm: false });
        const flow = cnf({ field, divergence, adjoint, rtol: run.tol, atol: run.tol });
        const { z } = await flow.forward(params, x);
        const { loss, grads } = await flow.lossAndGrad(params, x);
        expect(maxDifference(z, run.z1)).toBeLessThan(1e-4);
        expect(maxDifference(await flow.logProb(params, x), run.logp)).toBeLessThan(1e-4);
        expect(Math.abs(loss.dataSync()[0]! - run.nll)).toBeLessThan(1e-5);
        run.grads.forEach(({ w, b }, i) => {
          expect(maxDifference(grads[`layers.${i}.weight`]!, w)).toBeLessThan(3e-5);
          expect(maxDifference(grads[`layers.${i}.bias`]!, b)).toBeLessThan(3e-5);
        });
      },
    );
  });
});
