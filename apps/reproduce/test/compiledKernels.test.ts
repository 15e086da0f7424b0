// The original implementation's numbers on every compiled path of the CPU backend, in float32, as the studies compute.
import { cnf, exact, hutchinson, mlp, type Divergence } from '@sparseflow/cnf';
import { backsolve } from '@sparseflow/ode-solvers';
import { tensor, type Tensor } from '@sparseflow/tensor';
import { describe, expect, test } from 'vitest';
import { machines } from '../../../packages/backend-cpu/test/available.ts';
import { cases, maxDifference, paramsOf } from '../../../packages/cnf/test/fixtures.ts';

type Numbers = readonly number[] | readonly (readonly number[])[];

test('there are compiled paths', () => {
  const paths = machines.map(({ create }) => create().describe().path);
  expect(paths).toEqual(expect.arrayContaining(['native', 'wasm']));
});

describe.each(machines)('$name', ({ create }) => {
  const backend = create({ threads: 2 });

  describe.each(cases)('the original implementation, $activation $dims', (c) => {
    const field = mlp({ dim: 2, hidden: c.dims.slice(1, -1), activation: c.activation });
    const params = paramsOf(c.weights, backend);
    const x = tensor(c.x, { backend });
    const given: Divergence = { ...hutchinson(), probes: () => tensor([c.noise], { backend }) };

    // At 1e-5 a step's length, which float32 knows to some digits only, shows in the results: they are as near to the truth, the
    // original's at 1e-10, as the original's at 1e-5, and what float32 leaves. Some fifty evaluations of numbers up to 10 round at 6e-8
    // of them: 3e-5 of a point in the end, 1e-4 of its log p, whose slope in the point is up to 6, and far less of means over points.
    test.each(c.runs.filter(({ tol }) => tol > 1e-7))(
      'is as near to log p and its gradient: $trace trace, $mode, tolerance $tol',
      async (run) => {
        const truth = c.runs.find(({ tol, mode, trace }) => tol < 1e-7 && mode === 'adjoint' && trace === run.trace)!;
        const divergence = run.trace === 'exact' ? exact() : given;
        const flow = cnf({ field, divergence, adjoint: backsolve({ seminorm: false }), rtol: run.tol, atol: run.tol });
        const { z, stats } = await flow.forward(params, x);
        const { loss, grads } = await flow.lossAndGrad(params, x);
        const nearAs = (ours: Tensor, theirs: Numbers, right: Numbers, rounding: number): void => {
          const error = Math.max(...theirs.flat().map((v, i) => Math.abs(v - right.flat()[i]!)));
          expect(maxDifference(ours, right)).toBeLessThan(2 * error + rounding);
        };
        expect(stats.nfe).toBe(run.nfe_forward);
        nearAs(z, run.z1, truth.z1, 3e-5);
        nearAs(await flow.logProb(params, x), run.logp, truth.logp, 1e-4);
        nearAs(loss, [run.nll], [truth.nll], 1e-5);
        run.grads.forEach(({ w, b }, i) => {
          nearAs(grads[`layers.${i}.weight`]!, w, truth.grads[i]!.w, 1e-5);
          nearAs(grads[`layers.${i}.bias`]!, b, truth.grads[i]!.b, 1e-5);
        });
      },
    );
  });
});
