import { describe, expect, it } from 'vitest';
import { add, disposeTree, grad, jvp, key, mul, randomNormal, randomUniform, slice } from '@sparseflow/tensor';
import { splitKey, tensor, ValueError, zeros } from '@sparseflow/tensor';
import type { Backend, FloatDType, Params, Tensor } from '@sparseflow/tensor';
import { backsolve, rk4 } from '@sparseflow/ode-solvers';
import { createReferenceBackend } from '@sparseflow/tensor/reference';
import { maxDifference } from '../test/fixtures.ts';
import { cnf } from './cnf.ts';
import { hutchinson } from './divergence/hutchinson.ts';
import { evaluateNll } from './evaluate.ts';
import { multiscaleFlow, stackedFlow } from './ffjord.ts';
import { flow, type Flow } from './flow.ts';
import { odeNet } from './fields/odeNet.ts';
import { autoencoder } from './fields/autoencoder.ts';
import { mlp } from './fields/mlp.ts';
import { potential } from './fields/potential.ts';
import { residual } from './fields/residual.ts';
import { dl2int, JdiagFrobint, JFrobint, JoffdiagFrobint, l1int, l2int } from './regularisers/ffjord.ts';
import { hamiltonJacobi } from './regularisers/hamiltonJacobi.ts';
import { jacobian } from './regularisers/jacobian.ts';
import { kinetic } from './regularisers/kinetic.ts';
import { compose } from './transforms/compose.ts';
import { continuous } from './transforms/continuous.ts';
import { logit } from './transforms/logit.ts';
import { squeezeImage } from './transforms/squeeze.ts';
import type { Transform } from './transforms/transform.ts';
import { transformOf } from './transforms/transformOf.ts';

const backend = createReferenceBackend();
const tight = { rtol: 1e-6, atol: 1e-6 };

interface FlowCase {
  readonly name: string;
  readonly flow: Flow;
  /** Intensities of an image instead of points. */
  readonly image?: boolean;
  readonly context?: number;
  readonly regularised?: boolean;
}

const wells = potential({ dim: 2, width: 4, layers: 3 });

/** Every kind of flow; the shared tests run over this list. */
const flows: readonly FlowCase[] = [
  {
    name: 'one block, trained end time',
    flow: cnf({
      field: odeNet({ shape: 2, hidden: [6], layer: 'concat', activation: 'tanh' }),
      trainTime: true,
      ...tight,
    }),
  },
  { name: 'stacked blocks', flow: stackedFlow({ dim: 3, hidden: [5], blocks: 3, activation: 'tanh', ...tight }) },
  {
    name: 'stacked blocks with batch norm',
    flow: stackedFlow({ dim: 2, hidden: [4], blocks: 2, activation: 'softplus', batchNorm: true, ...tight }),
  },
  {
    name: 'stacked blocks with a context',
    flow: stackedFlow({ dim: 2, hidden: [4], blocks: 2, activation: 'tanh', context: 3, ...tight }),
    context: 3,
  },
  {
    name: 'residual field, every regulariser',
    flow: cnf({
      field: residual(odeNet({ shape: 2, hidden: [4], layer: 'blend', activation: 'softplus' })),
      regularisers: [
        ...[l1int, l2int, dl2int, JFrobint, JdiagFrobint, JoffdiagFrobint, jacobian, kinetic].map((make, i) =>
          make(0.1 * (i + 1)),
        ),
      ],
      ...tight,
    }),
    regularised: true,
  },
  {
    name: 'autoencoder',
    flow: cnf({
      field: autoencoder({ shape: 3, hidden: [4, 2, 4], layer: 'hyper', activation: 'tanh' }),
      regularisers: [JFrobint(0.1), dl2int(0.2)],
      ...tight,
    }),
    regularised: true,
  },
  {
    name: 'potential, by OT-Flow',
    flow: cnf({ field: wells, regularisers: [kinetic(0.5), hamiltonJacobi(0.3, wells)], trainTime: true, ...tight }),
    regularised: true,
  },
  {
    name: 'multi-scale, three scales',
    flow: multiscaleFlow({ shape: [4, 4, 1], scales: 3, hidden: [3], blocks: 1, activation: 'softplus', ...tight }),
    image: true,
  },
  {
    name: 'multi-scale, zero mean, regularised',
    flow: multiscaleFlow({
      shape: [2, 4, 2],
      scales: 2,
      hidden: [2],
      blocks: 1,
      activation: 'tanh',
      first: 'zeroMean',
      regularisers: [kinetic(0.1)],
      ...tight,
    }),
    image: true,
    regularised: true,
  },
  {
    name: 'multi-scale with a context',
    flow: multiscaleFlow({
      shape: [2, 4, 1],
      scales: 2,
      hidden: [2],
      blocks: 1,
      activation: 'tanh',
      context: 2,
      ...tight,
    }),
    image: true,
    context: 2,
  },
];

function drawn(model: Flow, on: Backend, dtype: FloatDType = 'float64'): Params {
  const fresh = Object.entries(model.init(key(1), { backend: on, dtype }));
  const keys = splitKey(key(2), fresh.length);
  // Statistics and end times are positive.
  const noise = (name: string): number => (/variance|Time/.test(name) ? 0 : 0.2);
  return Object.fromEntries(
    fresh.map(([n, x], i) => [n, add(x, mul(randomNormal(keys[i]!, x.shape, { backend: on, dtype }), noise(n)))]),
  );
}

const inputs = ({ flow: { dim }, image }: FlowCase, batch: number, dtype: FloatDType = 'float64'): Tensor =>
  image
    ? add(mul(randomUniform(key(3), [batch, dim], { backend, dtype }), 0.8), 0.1)
    : randomNormal(key(3), [batch, dim], { backend, dtype });
const contexts = ({ context }: FlowCase, batch: number, dtype: FloatDType = 'float64') =>
  context === undefined ? {} : { context: randomNormal(key(4), [batch, context], { backend, dtype }) };
const fixed = { solver: rk4, steps: 4 };

describe.each(flows.map((c) => [c.name, c] as const))('%s', (_, c) => {
  const model = c.flow;
  const params = drawn(model, backend);
  const trained = Object.keys(params).filter((name) => !model.statistics?.includes(name));
  const call = { ...fixed, ...contexts(c, 5), divergence: hutchinson(), key: key(5) };
  const x = inputs(c, 5);

  it('inverse undoes forward in float32, and log determinants cancel', async () => {
    const single = drawn(model, backend, 'float32');
    const points = inputs(c, 20, 'float32');
    const options = contexts(c, 20, 'float32');
    const there = await model.forward(single, points, options);
    const back = await model.inverse(single, there.z, options);
    expect(maxDifference(back.z, Array.from(points.dataSync()))).toBeLessThan(1e-4);
    const sums = Array.from(there.logDet.dataSync(), (v, i) => Math.abs(v + back.logDet.dataSync()[i]!));
    // Relative to its size, which is a hundred nats for images of intensities.
    expect(Math.max(...sums)).toBeLessThan(1e-4 * Math.max(1, ...Array.from(there.logDet.dataSync(), Math.abs)));
  });

  it('the log determinant is that of the Jacobian', async () => {
    const one = slice(x, [0, 0], [1, -1]);
    const options = { ...contexts(c, 1), rtol: 1e-8, atol: 1e-8 };
    const frozen = await transformFrozen(model, params, one, options);
    const columns = Array.from({ length: model.dim }, (_, i) => {
      const unit = tensor(
        Float64Array.from({ length: model.dim }, (_, j) => (i === j ? 1 : 0)),
        {
          backend,
          shape: [1, model.dim],
        },
      );
      return Array.from(jvp(frozen, one, unit).tangent.dataSync());
    });
    const { logDet } = await model.forward(params, one, options);
    expect(logDet.dataSync()[0]).toBeCloseTo(logAbsDet(columns), 5);
  });

  it('samples do not depend on their batch', async () => {
    const all = await model.logProb(params, x, { ...fixed, ...contexts(c, 5) });
    const alone = slice(x, [3, 0], [1, -1]);
    const { context } = contexts(c, 5);
    const row = context && { context: slice(context, [3, 0], [1, -1]) };
    const one = await model.logProb(params, alone, { ...fixed, ...row });
    expect(one.dataSync()[0]).toBeCloseTo(all.dataSync()[3]!, 12);
  });

  it('gradients equal central differences in every parameter, end times included', async () => {
    const { loss, grads, penalty } = await model.lossAndGrad(params, x, call);
    expect(Object.keys(grads)).toEqual(trained);
    expect(penalty !== undefined).toBe(c.regularised ?? false);
    const frozen = await model.frozenLoss(params, x, call);
    expect(frozen.loss(params).dataSync()[0]).toBeCloseTo(loss.dataSync()[0]!, 11);
    const again = grad(frozen.loss)(params);
    const h = 1e-5;
    for (const name of trained) {
      expect(maxDifference(again[name]!, Array.from(grads[name]!.dataSync())), name).toBeLessThan(1e-10);
      const index = params[name]!.size >> 1;
      const moved = (by: number): number => {
        const host = params[name]!.dataSync();
        host[index]! += by;
        return frozen.loss({ ...params, [name]: tensor(host, { backend, shape: params[name]!.shape }) }).dataSync()[0]!;
      };
      // Truncation h² / 6 f''' and rounding 2⁻⁵³ |f| / h: near 1e-9 for losses of up to a hundred nats.
      const difference = (moved(h) - moved(-h)) / (2 * h);
      expect(Math.abs(grads[name]!.dataSync()[index]! - difference), name).toBeLessThan(1e-7);
      expect(
        grads[name]!.dataSync().some((v) => v !== 0),
        name,
      ).toBe(true);
    }
  });

  it('samples have the density that it says', async () => {
    const options = { ...contexts(c, 6), key: key(7), backend, temperature: 0.8, rtol: 1e-8, atol: 1e-8 };
    const { x: samples, logProb } = await model.sampleAndLogProb(params, 6, options);
    expect(maxDifference(await model.sample(params, 6, options), Array.from(samples.dataSync()))).toBeLessThan(1e-5);
    const { z, logDet } = await model.forward(params, samples, options);
    const base = Array.from({ length: 6 }, (_, i) => {
      const row = Array.from(z.dataSync()).slice(i * model.dim, (i + 1) * model.dim);
      const constant = (model.dim / 2) * Math.log(2 * Math.PI * 0.64);
      return -row.reduce((n, v) => n + (v * v) / 0.64, 0) / 2 - constant + logDet.dataSync()[i]!;
    });
    expect(maxDifference(logProb, base)).toBeLessThan(1e-4);
  });

  it.each<[string, number, () => Promise<unknown>]>([
    ['forward', 2, () => model.forward(params, x, call)],
    ['inverse', 2, () => model.inverse(params, x, call)],
    ['logProb', 1, () => model.logProb(params, x, call)],
    ['lossAndGrad', trained.length + 1, () => model.lossAndGrad(params, x, call)],
    ['frozenLoss', 0, async () => (await model.frozenLoss(params, x, call)).dispose()],
    ['sample', 1, () => model.sample(params, 5, { ...call, backend })],
    ['sampleAndLogProb', 2, () => model.sampleAndLogProb(params, 5, { ...call, backend })],
    ['observe', model.statistics?.length ?? 0, async () => model.observe?.(params, x, call)],
  ])('%s leaves %i buffers: its results', async (name, results, run) => {
    const before = backend.liveBuffers();
    await run();
    const penalties = name === 'lossAndGrad' && c.regularised ? 1 : 0;
    expect(backend.liveBuffers() - before).toBe(results + penalties);
  });
});

/** Where the flow takes x, by differentiable operations. */
async function transformFrozen(
  model: Flow,
  params: Params,
  x: Tensor,
  options: object,
): Promise<(x: Tensor) => Tensor> {
  const { run } = await model.transform.freeze(params, x, options);
  return (at) => run(params, at).z;
}

/** By elimination with pivots. */
function logAbsDet(rows: number[][]): number {
  let total = 0;
  for (let i = 0; i < rows.length; i++) {
    const pivot = rows
      .slice(i)
      .reduce((best, row, j) => (Math.abs(row[i]!) > Math.abs(rows[best]![i]!) ? i + j : best), i);
    [rows[i], rows[pivot]] = [rows[pivot]!, rows[i]!];
    total += Math.log(Math.abs(rows[i]![i]!));
    for (let j = i + 1; j < rows.length; j++) {
      const factor = rows[j]![i]! / rows[i]![i]!;
      for (let k = i; k < rows.length; k++) rows[j]![k]! -= factor * rows[i]![k]!;
    }
  }
  return total;
}

const sizeOf = (model: Flow): number =>
  Object.values(model.init(key(0), { backend })).reduce((n, { size }) => n + size, 0);

describe('images of the paper', () => {
  it.each([
    ['MNIST', [28, 28, 1], 3],
    ['CIFAR-10', [32, 32, 3], 4],
  ] as const)(
    '%s: inverse undoes forward in float32 at its own size, and log determinants cancel',
    async (_, shape, scales) => {
      const model = multiscaleFlow({ shape, hidden: [4], blocks: 1, activation: 'softplus', solver: rk4, steps: 2 });
      const single = model.init(key(1), { backend, dtype: 'float32' });
      // Two blocks a scale, one at the last: so many end times.
      expect(Object.keys(single).filter((name) => name.endsWith('sqrtEndTime'))).toHaveLength(2 * scales - 1);
      const points = add(mul(randomUniform(key(3), [2, model.dim], { backend, dtype: 'float32' }), 0.8), 0.1);
      const call = { divergence: hutchinson(), key: key(5) };
      const there = await model.forward(single, points, call);
      const back = await model.inverse(single, there.z, call);
      // The solver's error is below rounding: 6e-8 of logits of 2.2, gathered over some hundred evaluations.
      expect(maxDifference(back.z, Array.from(points.dataSync()))).toBeLessThan(1e-5);
      const [forwards, backwards] = [there.logDet.dataSync(), Array.from(back.logDet.dataSync())];
      backwards.forEach((v, i) => expect(Math.abs(v + forwards[i]!)).toBeLessThan(1e-6 * Math.abs(v)));
      // The blocks have a part in it, besides the logit.
      const { logDet: spread } = await logit({ dim: model.dim }).forward({}, points);
      expect(maxDifference(spread, Array.from(forwards))).toBeGreaterThan(1);
    },
  );
});

describe('parameters of the paper', () => {
  it.each([
    ['POWER', '43.3K', 6, [60, 60, 60], 5, 'tanh'],
    ['GAS', '279K', 8, [160, 160, 160], 5, 'tanh'],
    ['HEPMASS', '547K', 21, [210, 210], 10, 'softplus'],
    ['MINIBOONE', '821K', 43, [860, 860], 1, 'softplus'],
    ['BSDS300', '6.70M', 63, [1260, 1260, 1260], 2, 'softplus'],
  ] as const)('%s: %s', (_, expected, dim, hidden, blocks, activation) => {
    expect(rounded(sizeOf(stackedFlow({ dim, hidden, blocks, activation })))).toBe(expected);
  });

  it.each([
    ['MNIST', '801K', [28, 28, 1]],
    ['CIFAR-10', '1.36M', [32, 32, 3]],
  ] as const)('%s: %s', (_, expected, shape) => {
    expect(rounded(sizeOf(multiscaleFlow({ shape, hidden: [64, 64, 64], activation: 'softplus' })))).toBe(expected);
  });

  const rounded = (n: number): string =>
    n < 1e6 ? `${Number((n / 1e3).toPrecision(3))}K` : `${(n / 1e6).toFixed(2)}M`;
});

describe('flows', () => {
  it('the density of stacked blocks with batch norm integrates to 1', async () => {
    const model = stackedFlow({ dim: 2, hidden: [8], blocks: 2, activation: 'tanh', batchNorm: true });
    const side = 60;
    const step = 16 / side;
    const grid = Float64Array.from({ length: side * side * 2 }, (_, i) => {
      const cell = i >> 1;
      return -8 + step * (0.5 + (i % 2 === 0 ? cell % side : Math.floor(cell / side)));
    });
    const { perPoint } = await evaluateNll(model, drawn(model, backend), grid, { backend, batchSize: 1200 });
    const mass = perPoint.reduce((total, nll) => total + Math.exp(-nll) * step * step, 0);
    expect(Math.abs(mass - 1)).toBeLessThan(0.01);
  });

  it('a trained end time is the same as that end time', async () => {
    const field = odeNet({ shape: 2, hidden: [6], layer: 'concatsquash', activation: 'tanh' });
    const params = field.init(key(0), { backend });
    const x = randomNormal(key(1), [4, 2], { backend });
    const options = { rtol: 1e-9, atol: 1e-9 };
    const plain = await cnf({ field, t0: 0.5, t1: 2, ...options }).logProb(params, x);
    const sqrtEndTime = tensor([Math.sqrt(1.5)], { backend });
    const model = cnf({ field, t0: 0.5, t1: 2, trainTime: true, ...options });
    expect(model.init(key(0), { backend })['sqrtEndTime']!.dataSync()[0]).toBeCloseTo(Math.sqrt(1.5), 12);
    const trained = await model.logProb({ ...params, sqrtEndTime }, x);
    expect(maxDifference(trained, Array.from(plain.dataSync()))).toBeLessThan(1e-7);
  });

  it('a backsolve at tolerance 1e-9 agrees with the discrete gradient, of the end time too', async () => {
    const field = odeNet({ shape: 2, hidden: [6], layer: 'concat', activation: 'tanh' });
    const tolerances = { rtol: 1e-9, atol: 1e-9 };
    const x = randomNormal(key(3), [5, 2], { backend });
    const call = { key: key(5), divergence: hutchinson() };
    const model = cnf({ field, trainTime: true, ...tolerances });
    const params = drawn(model, backend);
    const discrete = await model.lossAndGrad(params, x, call);
    const other = cnf({ field, trainTime: true, adjoint: backsolve(), ...tolerances });
    const continued = await other.lossAndGrad(params, x, call);
    for (const [name, g] of Object.entries(discrete.grads))
      expect(maxDifference(continued.grads[name]!, Array.from(g.dataSync())), name).toBeLessThan(1e-6);
  });

  it('the test-time solver and tolerance count', async () => {
    const model = cnf({
      field: odeNet({ shape: 2, hidden: [6], layer: 'concat', activation: 'tanh' }),
      solver: rk4,
      steps: 2,
    });
    const params = model.init(key(0), { backend });
    const x = randomNormal(key(1), [4, 2], { backend });
    const nfe = async (call: object): Promise<number> => (await model.forward(params, x, call)).stats.nfe;
    expect(await nfe({})).toBe(8);
    expect(await nfe({ steps: 3 })).toBe(12);
    expect(await nfe({ solver: rk4, steps: 5 })).toBe(20);
    const { flow: adaptive } = flows[0]!;
    const at = adaptive.init(key(0), { backend });
    const evaluations = async (call: object): Promise<number> => (await adaptive.forward(at, x, call)).stats.nfe;
    expect(await evaluations({ rtol: 1e-10, atol: 1e-10 })).toBeGreaterThan(await evaluations({}));
  });

  it('batch norm moves towards the batch, and is not trained', async () => {
    const model = stackedFlow({ dim: 2, hidden: [4], activation: 'tanh', batchNorm: true });
    const params = model.init(key(0), { backend });
    expect(model.statistics).toEqual(['blocks.0.mean', 'blocks.0.variance', 'blocks.2.mean', 'blocks.2.variance']);
    const x = tensor(
      [
        [1, 10],
        [3, 30],
        [5, 20],
      ],
      { backend },
    );
    let now = params;
    for (let i = 0; i < 200; i++) now = { ...now, ...(await model.observe!(now, x)) };
    // .9²⁰⁰ is 7e-10; what is left is below 1e-6. Variances are those of a sample.
    expect(maxDifference(now['blocks.0.mean']!, [3, 20])).toBeLessThan(1e-6);
    expect(maxDifference(now['blocks.0.variance']!, [4, 100])).toBeLessThan(1e-6);
    const first = await model.observe!(params, x);
    expect(maxDifference(first['blocks.0.mean']!, [0.3, 2])).toBeLessThan(1e-12);
    expect(maxDifference(first['blocks.0.variance']!, [1.3, 10.9])).toBeLessThan(1e-12);
  });

  it('a failing block frees the others, on every way through', async () => {
    const failing = (): never => {
      throw new Error('stop');
    };
    const identity = transformOf({ dim: 2, forward: (_, x) => plain(x), inverse: (_, z) => plain(z) });
    const plain = (x: Tensor) => ({ z: x, logDet: zeros([x.shape[0]!], x) });
    const bad: Transform = transformOf({ dim: 2, forward: failing, inverse: failing });
    const late: Transform = {
      ...identity,
      record: async (...given) => ({ ...(await identity.record(...given)), pullback: failing }),
    };
    const block = continuous({ field: odeNet({ shape: 2, hidden: [3], layer: 'concat', activation: 'tanh' }) });
    const x = randomNormal(key(0), [3, 2], { backend });
    const [within, ahead, back] = [
      [block, identity, bad, block],
      [bad, identity, block],
      [late, block],
    ].map((all) => flow(compose(all)));
    const call = { key: key(0), backend };
    for (const [model, run] of [
      ...[within!, ahead!, back!].map((m) => [m, (p: Params) => m.lossAndGrad(p, x)] as const),
      ...[within!, ahead!].flatMap((m) =>
        [
          (p: Params) => m.frozenLoss(p, x),
          (p: Params) => m.logProb(p, x),
          (p: Params) => m.sample(p, 2, call),
          (p: Params) => m.sampleAndLogProb(p, 2, call),
        ].map((f) => [m, f] as const),
      ),
    ] as const) {
      const params = model.init(key(1), { backend });
      const before = backend.liveBuffers();
      await expect(run(params)).rejects.toThrow('stop');
      expect(backend.liveBuffers()).toBe(before);
    }
  });

  it('refuses a context that no field takes, on every way through', async () => {
    const { flow: conditioned, context: width } = flows.find(({ context }) => context)!;
    const context = zeros([3, width!], { backend });
    const plain = cnf({ field: mlp({ dim: 2, hidden: [3], activation: 'tanh' }) });
    const models = [
      plain,
      cnf({ field: wells }),
      stackedFlow({ dim: 2, hidden: [3], activation: 'tanh', batchNorm: true }),
    ];
    for (const model of models) {
      const params = model.init(key(0), { backend });
      const x = randomNormal(key(1), [3, 2], { backend });
      const sampling = { context, key: key(2), backend };
      const before = backend.liveBuffers();
      for (const run of [
        () => model.forward(params, x, { context }),
        () => model.inverse(params, x, { context }),
        () => model.logProb(params, x, { context }),
        () => model.lossAndGrad(params, x, { context }),
        () => model.frozenLoss(params, x, { context }),
        () => model.sample(params, 3, sampling),
        () => model.sampleAndLogProb(params, 3, sampling),
        ...(model.observe ? [() => model.observe!(params, x, { context })] : []),
        ...('trajectory' in model ? [() => (model as typeof plain).trajectory(params, x, [0, 1], { context })] : []),
      ]) {
        const error: unknown = await run().catch((e: unknown) => e);
        expect(error).toBeInstanceOf(ValueError);
        expect(error).toHaveProperty('message', expect.stringContaining('no field takes a context'));
      }
      expect(backend.liveBuffers()).toBe(before);
    }
    // Some blocks may do without.
    const free = continuous({ field: odeNet({ shape: 2, hidden: [3], layer: 'concat', activation: 'tanh' }) });
    const mixed = flow(compose([free, conditioned.transform]));
    const params = drawn(mixed, backend);
    const x = randomNormal(key(1), [3, 2], { backend });
    const of = async (by: number): Promise<Tensor> => mixed.logProb(params, x, { context: add(context, by) });
    expect(maxDifference(await of(1), Array.from((await of(0)).dataSync()))).toBeGreaterThan(1e-3);
  });

  it('refuses temperatures out of range; at 0 all samples are the image of the origin', async () => {
    const { flow: model } = flows[0]!;
    const params = model.init(key(0), { backend });
    const call = { key: key(2), backend };
    for (const temperature of [-1, NaN]) {
      await expect(model.sample(params, 3, { ...call, temperature })).rejects.toThrow(`temperature is ${temperature}`);
      await expect(model.sampleAndLogProb(params, 3, { ...call, temperature })).rejects.toBeInstanceOf(ValueError);
    }
    await expect(
      model.sampleAndLogProb(params, 3, { ...call, temperature: 0 }),
    ).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ValueError: flow: temperature is 0. To fix: give a number above 0, as without noise there is no density.]`,
    );
    const { z: origin } = await model.inverse(params, zeros([1, 2], { backend }));
    const [a, b] = origin.dataSync();
    // The two solves choose their steps by other norms: each is off by its tolerance of 1e-6 a step.
    const samples = await model.sample(params, 3, { ...call, temperature: 0 });
    expect(maxDifference(samples, [a!, b!, a!, b!, a!, b!])).toBeLessThan(1e-5);
  });

  it('refuses what does not fit', async () => {
    expect(() => compose([])).toThrowErrorMatchingInlineSnapshot(
      `[ValueError: compose: no transforms. To fix: give at least one, all of one dimension.]`,
    );
    expect(() => compose([logit({ dim: 2 }), logit({ dim: 3 })])).toThrowErrorMatchingInlineSnapshot(
      `[ValueError: compose: dimensions 2, 3. To fix: give at least one, all of one dimension.]`,
    );
    expect(() => logit({ dim: 2, alpha: 0.5 })).toThrowErrorMatchingInlineSnapshot(
      `[ValueError: logit: alpha is 0.5. To fix: give a number in [0, 0.5).]`,
    );
    expect(() => squeezeImage([3, 4, 1])).toThrowErrorMatchingInlineSnapshot(
      `[ValueError: squeezeImage: an image of 3 × 4. To fix: give even sides.]`,
    );
    expect(() =>
      stackedFlow({ dim: 2, hidden: [4], activation: 'tanh', blocks: 0 }),
    ).toThrowErrorMatchingInlineSnapshot(`[ValueError: stackedFlow: 0 blocks. To fix: give a positive integer.]`);
    expect(() =>
      multiscaleFlow({ shape: [3, 3, 1], hidden: [4], activation: 'tanh' }),
    ).toThrowErrorMatchingInlineSnapshot(
      `[ValueError: multiscaleFlow: an image of 3 × 3. To fix: give sides of at least 4, or scales.]`,
    );
    const { flow: conditioned } = flows.find(({ context }) => context)!;
    const params = conditioned.init(key(0), { backend });
    await expect(conditioned.logProb(params, zeros([2, 2], { backend }))).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: odeNet: no context. To fix: give [2, 3], a row for each of the state's.]`,
    );
  });
});

describe('squeeze', () => {
  it('puts the four pixels of a square into one, channel by channel', async () => {
    // Pixel (i, j), channel c is 100 c + 10 i + j.
    const value = (i: number, j: number, c: number): number => 100 * c + 10 * i + j;
    const image = [0, 1].flatMap((i) => [0, 1, 2, 3].flatMap((j) => [0, 1].map((c) => value(i, j, c))));
    const { z } = await squeezeImage([2, 4, 2]).forward({}, tensor([image], { backend }));
    expect(Array.from(z.dataSync())).toEqual([0, 1, 10, 11, 100, 101, 110, 111, 2, 3, 12, 13, 102, 103, 112, 113]);
  });
});

describe('logit', () => {
  it('is the logarithm of the odds, and takes both ends to finite numbers', async () => {
    const alpha = 1e-6;
    const { z, logDet } = await logit({ dim: 2 }).forward(
      {},
      tensor(
        [
          [0, 1],
          [0.25, 0.5],
        ],
        { backend },
      ),
    );
    const end = Math.log(alpha / (1 - alpha));
    const s = alpha + (1 - 2 * alpha) / 4;
    expect(maxDifference(z, [end, -end, Math.log(s / (1 - s)), 0])).toBeLessThan(1e-9);
    const slope = (p: number): number => Math.log((1 - 2 * alpha) / (p * (1 - p)));
    expect(maxDifference(logDet, [2 * slope(alpha), slope(s) + slope(0.5)])).toBeLessThan(1e-9);
    disposeTree([z, logDet]);
  });

  it('is symmetric in float32, also at the ends', async () => {
    const x = tensor([[0, 1]], { backend, dtype: 'float32' });
    const { z } = await logit({ dim: 2 }).forward({}, x);
    const [low, high] = z.dataSync();
    // One rounding of 6e-8 in the sum under the logarithm, and one of the logarithm of 14.
    expect(Math.abs(low! + high!)).toBeLessThan(2e-6);
  });
});
