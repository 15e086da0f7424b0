import { describe, expect, it } from 'vitest';
import { add, jvp, key, mul, randomNormal, reshape, slice, splitKey, sum, tensor, vjp } from '@sparseflow/tensor';
import type { ActivationName, Params, Tensor } from '@sparseflow/tensor';
import { createReferenceBackend } from '@sparseflow/tensor/reference';
import { ffjordCases, layerNameOf, leaf, ownParams } from '../../test/ffjord.ts';
import { dualPass, type Field } from '../field.ts';
import { layerKinds, type LayerName } from './layers/index.ts';
import { autoencoder } from './autoencoder.ts';
import { odeNet } from './odeNet.ts';
import { residual } from './residual.ts';

const backend = createReferenceBackend();
const layerNames = Object.keys(layerKinds) as LayerName[];

function expectClose(actual: Tensor, expected: Tensor, tolerance: number): void {
  expect(actual.shape).toEqual(expected.shape);
  const values = expected.dataSync();
  actual.dataSync().forEach((v, i) => expect(Math.abs(v - values[i]!)).toBeLessThan(tolerance));
}

/** Every parameter drawn anew, so that nothing is zero. */
function drawn(field: Field, seed: number): Params {
  const fresh = Object.entries(field.init(key(seed), { backend }));
  const keys = splitKey(key(seed), fresh.length);
  return Object.fromEntries(
    fresh.map(([n, { shape }], i) => [n, mul(randomNormal(keys[i]!, shape, { backend }), 0.5)]),
  );
}

const nets = ffjordCases.filter(({ layer }) => layer === 'ODEnet');

describe.each(nets.map((c) => [c.kwargs.layer_type!, c] as const))('the original net, %s', (_, c) => {
  const name = layerNameOf(c);
  const { hidden_dims: hidden, nonlinearity } = c.kwargs;
  const field = odeNet({ shape: 3, hidden: hidden!, layer: name, activation: nonlinearity! });
  const given: Params = Object.fromEntries(Object.entries(c.params).map(([n, v]) => [n, leaf(v, backend)]));
  const own = (params: Params): Params =>
    Object.fromEntries(
      Array.from({ length: hidden!.length + 1 }).flatMap((_, i) => {
        const prefix = `layers.${i}.`;
        const layer = Object.entries(params)
          .filter(([n]) => n.startsWith(prefix))
          .map(([n, x]) => [n.slice(prefix.length), x] as const);
        return Object.entries(ownParams(name, Object.fromEntries(layer), false)).map(
          ([n, x]) => [`${prefix}${n}`, x] as const,
        );
      }),
    );

  it('agrees on the output and all gradients', () => {
    const f = ([params, x, t]: readonly [Params, Tensor, Tensor]): Tensor => field.apply(own(params), t, x);
    const { value, pullback } = vjp(f, [given, leaf(c.x, backend), tensor(c.t, { backend })] as const);
    expectClose(value, leaf(c.y, backend), 1e-10);
    const [params, x, t] = pullback(leaf(c.cot, backend));
    expectClose(x, leaf(c.grad_x, backend), 1e-10);
    expectClose(t, tensor(c.grad_t!, { backend }), 1e-10);
    for (const [n, g] of Object.entries(c.param_grads)) expectClose(params[n]!, leaf(g, backend), 1e-10);
  });
});

const shapes = [
  ['dense', { shape: 3, hidden: [5, 4] }],
  ['conv', { shape: [4, 4, 2], hidden: [3, 3] }],
  ['down and up', { shape: [4, 6, 1], hidden: [3, 2], strides: [2, 1, -2] }],
] as const;

describe.each(shapes)('%s', (_, shape) => {
  it.each(layerNames)('%s: the dual pass is forward mode, and so are its derivatives', (layer) => {
    const field = odeNet({ ...shape, layer, activation: 'tanh' });
    const params = drawn(field, 1);
    const z = randomNormal(key(2), [3, field.dim], { backend });
    const probes = randomNormal(key(3), [2, 3, field.dim], { backend });
    const { dual: _, ...plain } = field;
    const time = tensor(0.7, { backend });
    const total =
      (f: Field) =>
      ([p, x, t]: readonly [Params, Tensor, Tensor]) => {
        const { value, tangent } = dualPass(f, p, t, x, probes);
        return add(sum(mul(value, value)), sum(mul(tangent, mul(tangent, tangent))));
      };
    const [own, derived] = [field, plain].map((f) => {
      const { value, pullback } = vjp(total(f), [params, z, time] as const);
      return {
        dual: dualPass(f, params, 0.7, z, probes),
        gradient: [value, ...flat(pullback(tensor(1, { backend })))],
      };
    });
    // Float64 sums of a few hundred terms; the largest gradients are of order 100.
    expectClose(own!.dual.value, derived!.dual.value, 1e-12);
    expectClose(own!.dual.tangent, derived!.dual.tangent, 1e-12);
    own!.gradient.forEach((g, i) => expectClose(g, derived!.gradient[i]!, 1e-9));
    expectClose(own!.dual.value, field.apply(params, 0.7, z), 1e-12);
    const one = reshape(slice(probes, [0, 0, 0], [1, -1, -1]), z.shape);
    const { tangent } = jvp((x: Tensor) => field.apply(params, 0.7, x), z, one);
    expectClose(reshape(slice(own!.dual.tangent, [0, 0, 0], [1, -1, -1]), z.shape), tangent, 1e-12);
  });

  it.each(layerNames)('%s: groups fit the parameters, name every weight, and resize', (layer) => {
    const field = odeNet({ ...shape, layer, activation: 'softplus' });
    const params = field.init(key(0), { backend });
    const named = new Set(field.neurons.flatMap(({ axes }) => axes.map(({ param }) => param)));
    for (const { size, axes } of field.neurons)
      for (const { param, axis } of axes) expect(params[param]!.shape[axis], param).toBe(size);
    const last = `layers.${field.neurons.length}.`;
    // Of the last layer only what reads hidden units; of a hyper-network not its own hidden layer.
    for (const [name, { rank }] of Object.entries(params))
      if (!name.includes('hidden') && !(name.startsWith(last) && (rank === 1 || /time|bias/.test(name))))
        expect(named, name).toContain(name);
    const small = field.resize!({ 'layers.0': 2 });
    const smaller = small.init(key(0), { backend });
    for (const { param, axis } of field.neurons[0]!.axes) expect(smaller[param]!.shape[axis]).toBe(2);
    expect(small.apply(smaller, 0, randomNormal(key(1), [2, field.dim], { backend })).shape).toEqual([2, field.dim]);
  });
});

const wholeNets: readonly (readonly [string, Field])[] = [
  ...layerNames
    .map((layer) => [layer, odeNet({ shape: 3, hidden: [5, 4], layer, activation: 'tanh' })] as const)
    .filter(([, { dualVjp }]) => dualVjp),
  ['residual', residual(odeNet({ shape: 3, hidden: [5], layer: 'concatsquash', activation: 'softplus' }))],
];

it('the layers whose weights are parameters have a reverse pass of their own', () => {
  expect(wholeNets.map(([name]) => name)).toEqual([
    ...layerNames.filter((name) => !layerKinds[name].derived),
    'residual',
  ]);
  const options = { shape: 4, hidden: [6, 2, 6], layer: 'concatsquash', activation: 'tanh' } as const;
  // Another trace, context, or images: there the pass would be wrong or missing.
  expect(autoencoder(options).dualVjp).toBeUndefined();
  expect(odeNet({ ...options, context: 2 }).dualVjp).toBeUndefined();
  expect(odeNet({ ...options, shape: [4, 4, 1] }).dualVjp).toBeUndefined();
});

it.each(wholeNets)('%s: value and reverse pass at once are those of the dual pass', (_, field) => {
  const params = drawn(field, 1);
  const z = randomNormal(key(2), [3, 3], { backend });
  const probes = randomNormal(key(3), [2, 3, 3], { backend });
  const cotangent = {
    value: randomNormal(key(4), [3, 3], { backend }),
    tangent: randomNormal(key(5), [2, 3, 3], { backend }),
  };
  const t = tensor(0.7, { backend });
  const { value, pullback } = vjp(
    ([p, x, time]: readonly [Params, Tensor, Tensor]) => ({ ...dualPass(field, p, time, x, probes) }),
    [params, z, t] as const,
  );
  const expected = pullback(cotangent);
  const { cotangents, ...dual } = field.dualVjp!(params, t, z, probes, cotangent);
  expect(Object.keys(cotangents.params).sort()).toEqual(Object.keys(params).sort());
  // Sums of a few dozen terms of order 1 to 10, in float64.
  expectClose(dual.value, value.value, 1e-12);
  expectClose(dual.tangent, value.tangent, 1e-12);
  expectClose(cotangents.z, expected[1], 1e-12);
  expectClose(cotangents.t!, expected[2], 1e-12);
  for (const [name, own] of Object.entries(cotangents.params)) expectClose(own, expected[0][name]!, 1e-12);
  expect(field.dualVjp!(params, 0.7, z, probes, cotangent).cotangents.t).toBeUndefined();
});

function flat([params, x, t]: readonly [Params, Tensor, Tensor]): Tensor[] {
  return [...Object.values(params), x, t];
}

describe('odeNet', () => {
  it.each([
    // Multiples of FFJORD's dense nets; the paper's table 2, without the end times.
    ['POWER', 6, [60, 60, 60], 8664],
    ['MINIBOONE', 43, [860, 860], 820_612],
  ])('%s has the parameters of the paper', (_, shape, hidden, expected) => {
    const field = odeNet({ shape, hidden, layer: 'concatsquash', activation: 'tanh' });
    const params = Object.values(field.init(key(0), { backend }));
    expect(params.reduce((n, { size }) => n + size, 0)).toBe(expected);
  });

  it('draws weights within ±1/√in, time being an input, and weights of rank 1 are gates', () => {
    const params = odeNet({ shape: 3, hidden: [40], layer: 'concat', activation: 'tanh' }).init(key(0), { backend });
    const largest = Math.max(...Array.from(params['layers.0.weight']!.dataSync(), Math.abs));
    expect(largest).toBeLessThanOrEqual(0.5);
    expect(largest).toBeGreaterThan(0.45);
    const gates = odeNet({ shape: 3, hidden: [4], layer: 'concatsquash', activation: 'tanh' }).init(key(0), {
      backend,
    });
    expect(
      Object.entries(gates)
        .filter(([, { rank }]) => rank > 1)
        .map(([n]) => n),
    ).toEqual(['layers.0.weight', 'layers.1.weight']);
  });

  it('says at how many positions of an image a weight is used', () => {
    const { positions } = odeNet({
      shape: [4, 6, 1],
      hidden: [3, 2],
      strides: [2, 1, -2],
      layer: 'ignore',
      activation: 'tanh',
    });
    expect(positions).toMatchObject({ 'layers.0.weight': 6, 'layers.1.weight': 6, 'layers.2.weight': 6 });
  });

  it('refuses bad widths, unknown names and strides that do not lead back', () => {
    const net = (options: Partial<Parameters<typeof odeNet>[0]>) => () =>
      odeNet({ shape: [4, 4, 1], hidden: [3], layer: 'concat', activation: 'tanh', ...options });
    expect(net({ hidden: [0] })).toThrowErrorMatchingInlineSnapshot(
      `[ValueError: odeNet: a width of 0. To fix: give positive integers.]`,
    );
    expect(net({ layer: 'cat' as LayerName })).toThrowErrorMatchingInlineSnapshot(
      `[ValueError: odeNet: unknown layer 'cat'. To fix: use one of ignore, concat, concat_v2, squash, concatsquash, blend, hyper, concatcoord.]`,
    );
    expect(net({ activation: 'gelu' as ActivationName })).toThrowErrorMatchingInlineSnapshot(
      `[ValueError: odeNet: unknown activation 'gelu'. To fix: use one of sigmoid, tanh, softplus, relu, elu, swish, identity.]`,
    );
    expect(net({ strides: [2, 1] })).toThrowErrorMatchingInlineSnapshot(
      `[ValueError: odeNet: strides 2, 1 lead from 4 × 4 to 2 × 2. To fix: choose strides that lead back to the size of the image.]`,
    );
    expect(net({ strides: [1] })).toThrowErrorMatchingInlineSnapshot(
      `[ValueError: odeNet: strides 1. To fix: give 2 of 1, 2 and -2.]`,
    );
    expect(net({ shape: 3, strides: [1, 1] })).toThrowErrorMatchingInlineSnapshot(
      `[ValueError: odeNet: strides of a dense net. To fix: leave them out, or give the shape of images.]`,
    );
    expect(net({ shape: [1, 1, 1], strides: [2, -2] })).toThrowErrorMatchingInlineSnapshot(
      `[ValueError: odeNet: an image of 1 × 1 before a stride of 2. To fix: use fewer strides.]`,
    );
  });
});
