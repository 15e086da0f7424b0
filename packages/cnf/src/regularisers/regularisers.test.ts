import { describe, expect, it } from 'vitest';
import { key, matMul, mul, ones, randomNormal, splitKey, tensor, vjp } from '@sparseflow/tensor';
import type { Key, Params, Tensor } from '@sparseflow/tensor';
import { rk4 } from '@sparseflow/ode-solvers';
import { createReferenceBackend } from '@sparseflow/tensor/reference';
import { maxDifference } from '../../test/fixtures.ts';
import { cnf } from '../cnf.ts';
import { contract, type Divergence } from '../divergence/divergence.ts';
import { exact } from '../divergence/exact.ts';
import { hutchinson } from '../divergence/hutchinson.ts';
import { dualPass, type Field } from '../field.ts';
import { autoencoder } from '../fields/autoencoder.ts';
import { odeNet } from '../fields/odeNet.ts';
import { potential } from '../fields/potential.ts';
import { residual } from '../fields/residual.ts';
import { dl2int, JdiagFrobint, JFrobint, JoffdiagFrobint, l1int, l2int, timePenalty } from './ffjord.ts';
import { hamiltonJacobi } from './hamiltonJacobi.ts';
import { jacobian } from './jacobian.ts';
import { kinetic } from './kinetic.ts';
import type { Regulariser } from './regulariser.ts';

const backend = createReferenceBackend();

/** f = A z, whose Jacobian is A everywhere. */
const linear: Field = {
  dim: 3,
  init: () => ({}),
  apply: (params: Params, _t, z) => matMul(z, params['a']!, { transposeB: true }),
  neurons: [],
};
const A = [
  [1, -2, 0.5],
  [0, 3, 1],
  [-1, 0.25, 2],
];
const params = { a: tensor(A, { backend }) };
const rows = [
  [1, 2, -1],
  [0.5, 0, 3],
];
const z = tensor(rows, { backend });

const f = rows.map((row) => A.map((a) => a.reduce((n, v, i) => n + v * row[i]!, 0)));
const transposed = f.map((value) => A.map((_, k) => A.reduce((n, a, i) => n + a[k]! * value[i]!, 0)));
const meanOf = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
const rms = (values: readonly number[]): number => Math.sqrt(meanOf(values.map((v) => v * v)));
const each = (value: number): number[] => rows.map(() => value);
const squares = (values: readonly number[]): number => values.reduce((n, v) => n + v * v, 0);

function rateOf(
  regulariser: Regulariser,
  divergence: Divergence,
  k?: Key,
  field = linear,
  at: Params = params,
): Tensor {
  const probes = divergence.probes(2, field.probeDim ?? field.dim, k, z);
  const dual = dualPass(field, at, 0, z, probes);
  return regulariser.rate({ field, params: at, t: 0, z, context: undefined, divergence, probes, dual });
}

describe.each([exact(), hutchinson()])('closed forms of a linear field, divergence $name', (divergence) => {
  const off = squares(A.flatMap((row, i) => row.filter((_, j) => j !== i)));
  it.each([
    ['l1int', l1int, f.map((row) => meanOf(row.map(Math.abs)))],
    ['l2int', l2int, f.map(rms)],
    ['dl2int', dl2int, transposed.map(rms)],
    ['JFrobint', JFrobint, each(rms(A.flat()))],
    ['JdiagFrobint', JdiagFrobint, each(rms(A.map((row, i) => row[i]!)))],
    ['JoffdiagFrobint', JoffdiagFrobint, each(off / 6)],
    ['kinetic', kinetic, f.map(squares)],
    ['time_penalty', timePenalty, each(1)],
  ])('%s', (name, make, expected) => {
    const regulariser = make(0.5);
    expect(regulariser).toMatchObject({ name, weight: 0.5 });
    expect(maxDifference(rateOf(regulariser, divergence, key(0)), expected)).toBeLessThan(1e-12);
  });
});

describe('jacobian', () => {
  const truth = squares(A.flat());

  it('is exact with an exact divergence', () => {
    expect(maxDifference(rateOf(jacobian(1), exact()), each(truth))).toBeLessThan(1e-12);
  });

  it.each(['gaussian', 'rademacher'] as const)('is unbiased with %s noise, also of several probes', (noise) => {
    const values = splitKey(key(1), 1000).map(
      (k) => rateOf(jacobian(1), hutchinson({ noise, count: 2 }), k).dataSync()[0]!,
    );
    const center = meanOf(values);
    const deviation = Math.sqrt(values.reduce((n, v) => n + (v - center) ** 2, 0) / (values.length - 1));
    // Four standard errors: false alarm once in 16,000 keys; the key is fixed.
    expect(Math.abs(center - truth)).toBeLessThan((4 * deviation) / Math.sqrt(values.length));
  });

  it('refuses a trace that is taken elsewhere', () => {
    const field = autoencoder({ shape: 3, hidden: [2], layer: 'concat', activation: 'tanh' });
    const own = field.init(key(0), { backend });
    expect(() => rateOf(jacobian(1), exact(), undefined, field, own)).toThrowErrorMatchingInlineSnapshot(
      `[ValueError: jacobian: the trace is not taken in the space of z. To fix: use JFrobint, or another field.]`,
    );
    expect(() => residual(field)).toThrowErrorMatchingInlineSnapshot(
      `[ValueError: residual: a field with a trace of its own. To fix: give one whose trace is taken in z.]`,
    );
  });
});

describe('the penalty', () => {
  it('is integrated over the path, times its weight, and is the part of the loss that it says', async () => {
    // dz/dt = c: f is c everywhere.
    const constant: Field = {
      ...linear,
      apply: (p: Params, _t, at) => mul(ones([at.shape[0]!, 1], at), p['c']!),
    };
    const at = { c: tensor([1, -2, 0.5], { backend }) };
    const flow = (regularisers: readonly Regulariser[]) => cnf({ field: constant, t1: 1.5, regularisers });
    const { loss, penalty } = await flow([kinetic(0.1), l1int(2)]).lossAndGrad(at, z);
    expect(penalty!.dataSync()[0]).toBeCloseTo(1.5 * (0.1 * 5.25 + (2 * 3.5) / 3), 9);
    const plain = await flow([]).lossAndGrad(at, z);
    expect(plain.penalty).toBeUndefined();
    expect(loss.dataSync()[0]! - plain.loss.dataSync()[0]!).toBeCloseTo(penalty!.dataSync()[0]!, 12);
    // Densities are those of the flow.
    expect(
      maxDifference(await flow([kinetic(1)]).logProb(at, z), Array.from((await flow([]).logProb(at, z)).dataSync())),
    ).toBe(0);
  });

  it('by RNODE takes no evaluations of the field of its own', async () => {
    const net = odeNet({ shape: 3, hidden: [4], layer: 'concat', activation: 'tanh' });
    let evaluations = 0;
    const counted: Field = {
      ...net,
      apply: (...given) => (evaluations++, net.apply(...given)),
      dual: (...given) => (evaluations++, net.dual!(...given)),
    };
    const own = net.init(key(0), { backend });
    const flow = cnf({ field: counted, regularisers: [kinetic(0.1), jacobian(0.1)], divergence: hutchinson() });
    const { stats } = await flow.lossAndGrad(own, z, { key: key(1) });
    expect(evaluations).toBe(stats.nfe + stats.nfeBackward);
  });

  it('of the time is what the end time costs', async () => {
    const field = odeNet({ shape: 3, hidden: [4], layer: 'concat', activation: 'tanh' });
    const own = field.init(key(0), { backend });
    const sqrtEndTime = tensor([1.2], { backend });
    const gradient = async (regularisers: readonly Regulariser[]): Promise<number> => {
      const { grads } = await cnf({ field, trainTime: true, regularisers, solver: rk4, steps: 4 }).lossAndGrad(
        { ...own, sqrtEndTime },
        z,
      );
      return grads['sqrtEndTime']!.dataSync()[0]!;
    };
    // 0.5 T with T = s², so s.
    expect((await gradient([timePenalty(0.5)])) - (await gradient([]))).toBeCloseTo(1.2, 12);
  });

  it('has a finite gradient where the field is zero', async () => {
    const own = { a: mul(params.a, 0) };
    const regularisers = [l1int, l2int, dl2int, JFrobint, JdiagFrobint, JoffdiagFrobint].map((make) => make(1));
    const { grads } = await cnf({ field: linear, regularisers }).lossAndGrad(own, z);
    expect(grads['a']!.dataSync().every(Number.isFinite)).toBe(true);
  });
});

describe('fields of other kinds', () => {
  it('an autoencoder is the same field, and its trace in the middle the same trace', () => {
    for (const options of [
      { shape: 3, hidden: [4, 2, 5] },
      { shape: 3, hidden: [] },
      { shape: [2, 2, 1], hidden: [3, 2], strides: [2, 1, -2] },
    ] as const) {
      const kind = { layer: 'concatsquash', activation: 'softplus', context: 2, ...options } as const;
      const [plain, coded] = [odeNet(kind), autoencoder(kind)];
      const own = plain.init(key(2), { backend });
      const x = randomNormal(key(3), [2, plain.dim], { backend });
      const context = randomNormal(key(4), [2, 2], { backend });
      const traceOf = (field: Field): { value: Tensor; trace: number[] } => {
        const probes = exact().probes(2, field.probeDim ?? field.dim, undefined, x);
        const { value, tangent } = dualPass(field, own, 0.3, x, probes, context);
        const size = probes.shape[2]!;
        const at = tangent.dataSync();
        return {
          value,
          trace: [0, 1].map((b) =>
            Array.from({ length: size }, (_, k) => at[(k * 2 + b) * size + k]!).reduce((n, v) => n + v),
          ),
        };
      };
      const [expected, actual] = [traceOf(plain), traceOf(coded)];
      expect(maxDifference(actual.value, Array.from(expected.value.dataSync()))).toBeLessThan(1e-13);
      actual.trace.forEach((v, i) => expect(v).toBeCloseTo(expected.trace[i]!, 12));
    }
  });

  it('an autoencoder resizes with its trace', () => {
    const field = autoencoder({ shape: 3, hidden: [4, 3, 4], layer: 'concat', activation: 'tanh' });
    expect(field.probeDim).toBe(3);
    expect(field.resize!({ 'layers.1': 2 }).probeDim).toBe(2);
  });

  it('a residual field is the field less the state', () => {
    const at = rateOf(l1int(1), exact(), undefined, residual(linear));
    expect(
      maxDifference(
        at,
        f.map((row, b) => meanOf(row.map((v, i) => Math.abs(v - rows[b]![i]!)))),
      ),
    ).toBeLessThan(1e-12);
  });

  it.each([1, 2, 4])(
    'a potential of %i layers has its exact trace in closed form, with the gradient of that',
    async (layers) => {
      const field = potential({ dim: 3, width: 4, layers, rank: 2 });
      const params = field.init(key(5), { backend });
      const t = tensor(0.4, { backend });
      const probes = exact().probes(2, 3, undefined, z);
      const { value, pullback } = vjp(
        ([p, x, time]: readonly [Params, Tensor, Tensor]) => {
          const dual = dualPass(field, p, time, x, probes);
          return { value: dual.value, trace: contract(exact(), probes, dual) };
        },
        [params, z, t] as const,
      );
      const own = vjp(([p, x, time]: readonly [Params, Tensor, Tensor]) => field.withTrace!(p, time, x), [
        params,
        z,
        t,
      ] as const);
      // Float64 sums of some hundred terms, relative to the largest; the steps of a solve amplify their rounding.
      const close = (a: Tensor, b: Tensor, tolerance = 1e-12): void => {
        const expected = Array.from(b.dataSync());
        const largest = Math.max(1, ...expected.map(Math.abs));
        expect(maxDifference(a, expected)).toBeLessThan(tolerance * largest);
      };
      close(own.value.value, value.value);
      close(own.value.trace, value.trace);
      const [given, expected] = [own.pullback(value), pullback(value)];
      close(given[1], expected[1]);
      close(given[2], expected[2]);
      for (const [name, gradient] of Object.entries(given[0])) close(gradient, expected[0][name]!);

      const less = residual(field);
      close(less.withTrace!(params, 0.4, z).trace, contract(exact(), probes, dualPass(less, params, 0.4, z, probes)));

      // The flow takes it, also with OT-Flow's penalties, and gets what the tangents give.
      const regularisers = [kinetic(0.5), hamiltonJacobi(1, field)];
      const { withTrace: _, ...plain } = field;
      const [closed, probed] = await Promise.all(
        [field, plain].map((f) => cnf({ field: f, regularisers }).lossAndGrad(params, z)),
      );
      close(closed!.loss, probed!.loss, 1e-10);
      close(closed!.penalty!, probed!.penalty!, 1e-10);
      for (const [name, gradient] of Object.entries(closed!.grads)) close(gradient, probed!.grads[name]!, 1e-10);
    },
  );

  it('a potential field is minus the gradient of its potential, which has the closed form of the paper', () => {
    const field = potential({ dim: 3, width: 4, layers: 2, rank: 2 });
    const fresh = field.init(key(5), { backend });
    const names = Object.keys(fresh);
    const own: Params = Object.fromEntries(
      names.map((name, i) => [name, randomNormal(splitKey(key(6), names.length)[i]!, fresh[name]!.shape, { backend })]),
    );
    const host = (name: string): number[] => Array.from(own[name]!.dataSync());
    const times = (w: number[], h: number[], size: number): number[] =>
      Array.from({ length: size }, (_, i) => h.reduce((n, v, j) => n + w[i * h.length + j]! * v, 0));
    const phi = (s: number[]): number => {
      const act = (u: number[], b: number[]): number[] =>
        u.map((v, i) => Math.log(Math.exp(v + b[i]!) + Math.exp(-v - b[i]!)));
      const first = act(times(host('layers.0.weight'), s, 4), host('layers.0.bias'));
      const second = act(times(host('layers.1.weight'), first, 4), host('layers.1.bias'));
      const network = host('readout').reduce((n, w, i) => n + w * (first[i]! + second[i]!), 0);
      return (
        network + squares(times(host('quadratic'), s, 2)) / 2 + host('linear').reduce((n, b, i) => n + b * s[i]!, 0)
      );
    };
    const t = 0.4;
    expect(
      maxDifference(
        field.value(own, t, z),
        rows.map((row) => phi([...row, t])),
      ),
    ).toBeLessThan(1e-12);
    // Central differences: truncation h² / 6 and rounding 1e-16 / h, both near 1e-9.
    const h = 1e-5;
    const slope = (s: number[], k: number): number =>
      (phi(s.map((v, i) => v + (i === k ? h : 0))) - phi(s.map((v, i) => v - (i === k ? h : 0)))) / (2 * h);
    expect(
      maxDifference(
        field.apply(own, t, z),
        rows.map((row) => [0, 1, 2].map((k) => -slope([...row, t], k))),
      ),
    ).toBeLessThan(1e-7);
    const inTime = rows.map((row) => slope([...row, t], 3));
    expect(maxDifference(field.slope(own, t, z), inTime)).toBeLessThan(1e-7);
    const probes = exact().probes(2, 3, undefined, z);
    const dual = dualPass(field, own, t, z, probes);
    const rate = hamiltonJacobi(1, field).rate({
      field,
      params: own,
      t,
      z,
      context: undefined,
      divergence: exact(),
      probes,
      dual,
    });
    const expected = rows.map((row, b) =>
      Math.abs(inTime[b]! - squares([0, 1, 2].map((k) => slope([...row, t], k))) / 2),
    );
    expect(maxDifference(rate, expected)).toBeLessThan(1e-5);
    expect(() => potential({ dim: 2, width: 0 })).toThrowErrorMatchingInlineSnapshot(
      `[ValueError: potential: a size of 0. To fix: give positive integers.]`,
    );
    expect(() => potential({ dim: 2, width: 2, layers: 0 })).toThrowErrorMatchingInlineSnapshot(
      `[ValueError: potential: a size of 0. To fix: give positive integers.]`,
    );
  });
});
