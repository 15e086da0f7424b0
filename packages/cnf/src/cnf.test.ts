import { describe, expect, it } from 'vitest';
import {
  add,
  disposeTree,
  grad,
  hvp,
  key,
  mapTree,
  matMul,
  mul,
  randomNormal,
  scope,
  sub,
  tensor,
} from '@sparseflow/tensor';
import type { Params, Tensor } from '@sparseflow/tensor';
import { backsolve, checkpoint, euler, rk4 } from '@sparseflow/ode-solvers';
import { createReferenceBackend } from '@sparseflow/tensor/reference';
import { cases, maxDifference, paramsOf } from '../test/fixtures.ts';
import { cnf } from './cnf.ts';
import type { Divergence } from './divergence/divergence.ts';
import { exact } from './divergence/exact.ts';
import { hutchinson } from './divergence/hutchinson.ts';
import { evaluateNll } from './evaluate.ts';
import type { Field } from './field.ts';
import { mlp } from './fields/mlp.ts';

const backend = createReferenceBackend();

/** dz/dt = A z: the flow is expm(A), its log determinant tr(A) T. */
function linear(dim: number): Field {
  return {
    dim,
    init: (k, options) => ({ a: randomNormal(k, [dim, dim], { backend: options.backend }) }),
    apply: (params: Params, _t, z) => matMul(z, params['a']!, { transposeB: true }),
    neurons: [],
  };
}

describe.each(cases)('the original implementation, $activation $dims', (c) => {
  const field = mlp({ dim: 2, hidden: c.dims.slice(1, -1), activation: c.activation });
  const params = paramsOf(c.weights, backend);
  const x = tensor(c.x, { backend });
  const given: Divergence = { ...hutchinson(), probes: () => tensor([c.noise], { backend }) };

  describe.each(c.runs)('$trace trace, $mode, tolerance $tol', (run) => {
    const divergence = run.trace === 'exact' ? exact() : given;
    const adjoint = run.mode === 'autograd' ? checkpoint() : backsolve({ seminorm: false });
    const flow = cnf({ field, divergence, adjoint, rtol: run.tol, atol: run.tol });
    // At tolerance 1e-10 both solutions are within 1e-9 of the truth; at 1e-5 the same steps give the same numbers.
    const tight = run.tol === 1e-10;

    it('agrees on log p', async () => {
      const { z, stats } = await flow.forward(params, x);
      expect(maxDifference(z, run.z1)).toBeLessThan(1e-8);
      expect(maxDifference(await flow.logProb(params, x), run.logp)).toBeLessThan(1e-8);
      expect(stats.nfe).toBe(run.nfe_forward);
    });

    it('agrees on the gradient', async () => {
      const { loss, grads } = await flow.lossAndGrad(params, x);
      expect(Math.abs(loss.dataSync()[0]! - run.nll)).toBeLessThan(1e-8);
      run.grads.forEach(({ w, b }, i) => {
        // A backsolve at 1e-5 has errors of its tolerance; its step sequence differs where norms do.
        const bound = tight ? 1e-7 : 1e-4;
        expect(maxDifference(grads[`layers.${i}.weight`]!, w)).toBeLessThan(bound);
        expect(maxDifference(grads[`layers.${i}.bias`]!, b)).toBeLessThan(bound);
      });
    });
  });

  it('agrees on the inverse', async () => {
    const flow = cnf({ field, rtol: 1e-10, atol: 1e-10 });
    const { z, logDet } = await flow.inverse(params, tensor(c.noise, { backend }));
    expect(maxDifference(z, c.inverse_from_noise_as_z1.x)).toBeLessThan(1e-8);
    // The original's first output is minus the integral of the trace.
    expect(
      maxDifference(
        logDet,
        c.inverse_from_noise_as_z1.out0.map((v) => -v),
      ),
    ).toBeLessThan(1e-8);
  });
});

describe('closed forms', () => {
  it('a linear field has log determinant tr(A) T', async () => {
    const field = linear(3);
    const params = field.init(key(4), { backend });
    const flow = cnf({ field, rtol: 1e-9, atol: 1e-9, t0: 0.5, t1: 1.25 });
    const a = params['a']!.dataSync();
    const { logDet } = await flow.forward(params, randomNormal(key(5), [6, 3], { backend }));
    for (const value of logDet.dataSync()) expect(value).toBeCloseTo((a[0]! + a[4]! + a[8]!) * 0.75, 8);
  });

  it('inverse undoes forward, and the log determinants cancel', async () => {
    const field = mlp({ dim: 2, hidden: [16, 16], activation: 'tanh' });
    const params = field.init(key(1), { backend });
    const x = randomNormal(key(2), [20, 2], { backend });
    for (const flow of [cnf({ field }), cnf({ field, solver: rk4, steps: 20 })]) {
      const there = await flow.forward(params, x);
      const back = await flow.inverse(params, there.z);
      expect(maxDifference(back.z, Array.from(x.dataSync()))).toBeLessThan(1e-4);
      expect(
        maxDifference(
          back.logDet,
          Array.from(there.logDet.dataSync(), (v) => -v),
        ),
      ).toBeLessThan(1e-4);
    }
  });

  it('the density of a flow integrates to 1', async () => {
    const field = mlp({ dim: 2, hidden: [16], activation: 'sigmoid' });
    const flow = cnf({ field });
    const params = field.init(key(3), { backend });
    const side = 60;
    const step = 16 / side;
    const grid = Float64Array.from({ length: side * side * 2 }, (_, i) => {
      const cell = i >> 1;
      return -8 + step * (0.5 + (i % 2 === 0 ? cell % side : Math.floor(cell / side)));
    });
    const { perPoint } = await evaluateNll(flow, params, grid, { backend, batchSize: 1000 });
    const mass = perPoint.reduce((total, nll) => total + Math.exp(-nll) * step * step, 0);
    expect(Math.abs(mass - 1)).toBeLessThan(0.01);
  });

  it('samples follow the density: the mean of their own NLL equals that of fresh samples', async () => {
    const flow = cnf({ field: mlp({ dim: 2, hidden: [8], activation: 'tanh' }), rtol: 1e-7, atol: 1e-7 });
    const params = flow.init(key(6), { backend });
    const { x, logProb } = await flow.sampleAndLogProb(params, 50, { key: key(7), backend });
    expect(maxDifference(await flow.logProb(params, x), Array.from(logProb.dataSync()))).toBeLessThan(1e-5);
    expect(
      Array.from((await flow.sample(params, 50, { key: key(7), backend })).dataSync()).map((v) => v.toFixed(4)),
    ).toEqual(Array.from(x.dataSync()).map((v) => v.toFixed(4)));
  });

  it('a trajectory starts at its input and ends where forward ends', async () => {
    const flow = cnf({ field: mlp({ dim: 2, hidden: [8], activation: 'tanh' }), rtol: 1e-8, atol: 1e-8 });
    const params = flow.init(key(6), { backend });
    const x = randomNormal(key(8), [3, 2], { backend });
    const path = await flow.trajectory(params, x, [0, 0.5, 1]);
    expect(path).toHaveLength(3);
    expect(maxDifference(path[0]!, Array.from(x.dataSync()))).toBe(0);
    expect(maxDifference(path[2]!, Array.from((await flow.forward(params, x)).z.dataSync()))).toBeLessThan(1e-6);
  });
});

describe('gradients', () => {
  const field = mlp({ dim: 2, hidden: [6], activation: 'softplus' });
  const params = field.init(key(1), { backend });
  const x = randomNormal(key(2), [8, 2], { backend });
  const call = { key: key(3), divergence: hutchinson() };

  it.each([
    ['dopri5', cnf({ field, rtol: 1e-8, atol: 1e-8 })],
    ['rk4', cnf({ field, solver: rk4, steps: 8 })],
    ['euler', cnf({ field, solver: euler, steps: 8 })],
  ])('checkpoint through %s equals central differences', async (_, flow) => {
    const { grads } = await flow.lossAndGrad(params, x, call);
    const h = 1e-5;
    for (const [name, index] of [
      ['layers.0.weight', 3],
      ['layers.0.bias', 1],
      ['layers.1.weight', 7],
      ['layers.1.bias', 0],
    ] as const) {
      const moved = async (by: number): Promise<number> => {
        const host = params[name]!.dataSync();
        host[index]! += by;
        const at = { ...params, [name]: tensor(host, { backend, shape: params[name]!.shape }) };
        return -Array.from((await flow.logProb(at, x, call)).dataSync()).reduce((a, b) => a + b, 0) / 8;
      };
      const difference = ((await moved(h)) - (await moved(-h))) / (2 * h);
      // Adaptive steps move a little with the parameters, which adds the order of the tolerance.
      expect(Math.abs(grads[name]!.dataSync()[index]! - difference)).toBeLessThan(1e-7);
    }
  });

  it.each(['tanh', 'sigmoid', 'softplus'] as const)(
    'the frozen loss of a %s flow has the same value and gradient, and exact curvature',
    async (activation) => {
      const flow = cnf({ field: mlp({ dim: 2, hidden: [5], activation }), rtol: 1e-4, atol: 1e-4 });
      const at = flow.init(key(4), { backend });
      const frozen = await flow.frozenLoss(at, x, call);
      const { loss, grads } = await flow.lossAndGrad(at, x, call);
      expect(frozen.loss(at).dataSync()[0]).toBeCloseTo(loss.dataSync()[0]!, 12);
      const gradient = grad(frozen.loss);
      for (const [name, g] of Object.entries(gradient(at))) {
        expect(maxDifference(g, Array.from(grads[name]!.dataSync()))).toBeLessThan(1e-12);
      }
      // The Hessian along v against central differences of the gradient: truncation ε² of order 1, rounding 1e-16 / ε.
      const v = mapTree(at, (leaf) => randomNormal(key(9), leaf.shape, { backend }));
      const curved = hvp(frozen.loss, at, v);
      const eps = 1e-5;
      const moved = (by: number): Params =>
        gradient(mapTree(at, (leaf, i) => add(leaf, mul(Object.values(v)[i]!, by))));
      const [up, down] = [moved(eps), moved(-eps)];
      for (const [name, h] of Object.entries(curved)) {
        const difference = mul(sub(up[name]!, down[name]!), 1 / (2 * eps));
        expect(maxDifference(h, Array.from(difference.dataSync()))).toBeLessThan(1e-7);
      }
      const held = backend.liveBuffers();
      disposeTree([frozen.loss(at), gradient(at), hvp(frozen.loss, at, v)]);
      expect(backend.liveBuffers()).toBe(held);
      frozen.dispose();
      expect(backend.liveBuffers()).toBe(held - 2); // the probes, and the start of the log determinant
    },
  );

  it('backsolve gives each parameter its own gradient, whatever their order, and zeros to one that is not used', async () => {
    const flow = cnf({ field: mlp({ dim: 2, hidden: [4], activation: 'tanh' }), adjoint: backsolve() });
    const params = flow.init(key(1), { backend });
    const x = tensor([[0.5, -1], [1, 2]], { backend }); // prettier-ignore
    const turned = Object.fromEntries([...Object.entries(params).reverse(), ['unused', tensor([1, 2], { backend })]]);
    const [expected, actual] = [await flow.lossAndGrad(params, x), await flow.lossAndGrad(turned, x)];
    for (const name of Object.keys(params)) {
      expect(Array.from(actual.grads[name]!.dataSync()), name).toEqual(Array.from(expected.grads[name]!.dataSync()));
    }
    expect(Array.from(actual.grads['unused']!.dataSync())).toEqual([0, 0]);
  });

  it('backsolve agrees with checkpoint at tolerance 1e-8', async () => {
    const options = { field, rtol: 1e-8, atol: 1e-8 };
    const discrete = await cnf({ ...options, adjoint: checkpoint() }).lossAndGrad(params, x, call);
    const continuous = await cnf({ ...options, adjoint: backsolve() }).lossAndGrad(params, x, call);
    for (const [name, g] of Object.entries(discrete.grads)) {
      expect(maxDifference(continuous.grads[name]!, Array.from(g.dataSync()))).toBeLessThan(1e-5);
    }
    expect(continuous.stats.nfeBackward).toBeGreaterThan(0);
  });
});

describe('memory and errors', () => {
  const flow = cnf({ field: mlp({ dim: 2, hidden: [4], activation: 'tanh' }), adjoint: backsolve() });
  const params = flow.init(key(0), { backend });
  const x = randomNormal(key(1), [3, 2], { backend });
  const call = { key: key(2), backend };

  it.each<[string, number, () => Promise<unknown>]>([
    ['forward', 2, () => flow.forward(params, x)],
    ['inverse', 2, () => flow.inverse(params, x)],
    ['logProb', 1, () => flow.logProb(params, x)],
    ['lossAndGrad', 5, () => flow.lossAndGrad(params, x, { divergence: hutchinson(), key: key(3) })],
    ['sample', 1, () => flow.sample(params, 4, call)],
    ['sampleAndLogProb', 2, () => flow.sampleAndLogProb(params, 4, call)],
    ['trajectory', 3, () => flow.trajectory(params, x, [0, 0.3, 1])],
    ['evaluateNll', 0, () => evaluateNll(flow, params, new Float64Array(6), { backend })],
  ])('%s leaves %i buffers: its results', async (_, results, run) => {
    const before = backend.liveBuffers();
    await run();
    expect(backend.liveBuffers() - before).toBe(results);
  });

  it('a failing field leaves nothing behind', async () => {
    let calls = 0;
    const failing: Field = {
      ...linear(2),
      apply: (p: Params, t, z): Tensor => {
        if (++calls > 9) throw new Error('stop');
        return linear(2).apply(p, t, z);
      },
    };
    const bad = cnf({ field: failing });
    const a = failing.init(key(0), { backend });
    const before = backend.liveBuffers();
    for (const run of [
      () => bad.logProb(a, x),
      () => bad.lossAndGrad(a, x),
      () => bad.sample(a, 4, call),
      () => bad.sampleAndLogProb(a, 4, call),
    ]) {
      calls = 0;
      await expect(run()).rejects.toThrow('stop');
      expect(backend.liveBuffers()).toBe(before);
    }
  });

  it('is bit-equal when repeated', async () => {
    const run = async (): Promise<number[]> => {
      const { loss, grads } = await flow.lossAndGrad(params, x, { divergence: hutchinson(), key: key(3) });
      return [...loss.dataSync(), ...Object.values(grads).flatMap((g) => [...g.dataSync()])];
    };
    expect(await run()).toEqual(await run());
  });

  it('refuses input of another dimension, and names a state that is not finite', async () => {
    await expect(
      flow.logProb(params, randomNormal(key(1), [3, 5], { backend })),
    ).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: cnf: the input has shape [3,5]. To fix: give [batch, 2], as the field has dimension 2.]`,
    );
    const nan = tensor([[Number.NaN, 0]], { backend });
    await expect(flow.logProb(params, nan)).rejects.toMatchObject({ name: 'NonFiniteStateError' });
    scope(() => disposeTree(nan));
  });
});
