import { describe, expect, it } from 'vitest';
import { add, key, mapTree, mul, randomNormal, reshape, scope, tensor, transpose, vjp } from '@sparseflow/tensor';
import type { Params, Tensor } from '@sparseflow/tensor';
import { createReferenceBackend } from '@sparseflow/tensor/reference';
import { ffjordCases, layerNameOf, leaf, ownHyperParams, ownParams, toNhwc } from '../../../test/ffjord.ts';
import type { FfjordCase } from '../../../test/ffjord.ts';
import { layerKinds } from './index.ts';
import { convMap, denseMap, type LinearMap, type Stride } from './linearMap.ts';

const backend = createReferenceBackend();
const layers = ffjordCases.filter(({ layer }) => layer !== 'ODEnet');

function mapOf({ layer, kwargs, x }: FfjordCase): LinearMap {
  const { dim_in, dim_out, stride = 1, transpose: transposed = false } = kwargs;
  if (layer.endsWith('Linear')) return denseMap(dim_in, dim_out);
  const [, channels, height, width] = leaf(x, backend).shape;
  return convMap([height!, width!], channels!, dim_out, (transposed ? -stride : stride) as Stride);
}

/** Sums of at most 150 terms of order 1, of which a few hundred are added up in gradients. */
function expectClose(actual: Tensor, expected: Tensor): void {
  expect(actual.size).toBe(expected.size);
  const values = expected.dataSync();
  actual.dataSync().forEach((v, i) => expect(Math.abs(v - values[i]!)).toBeLessThan(1e-10));
}

describe.each(layers.map((c) => [`${c.layer} ${JSON.stringify(c.kwargs)}`, c] as const))('%s', (_, c) => {
  const map = mapOf(c);
  const name = layerNameOf(c);
  const kind = layerKinds[name];
  const given: Params = Object.fromEntries(Object.entries(c.params).map(([n, v]) => [n, leaf(v, backend)]));
  const outputs = c.kwargs.dim_out;

  const own = (params: Params): Params => {
    if (name !== 'hyper') return ownParams(name, params, c.kwargs.transpose ?? false);
    const { inputs } = map;
    const shape = map.coordinates === 0 ? [outputs, inputs] : [outputs, inputs, c.kwargs.ksize!, c.kwargs.ksize!];
    return ownHyperParams(params, shape, outputs);
  };
  const evaluate = ([params, x, t]: readonly [Params, Tensor, Tensor]): Tensor => {
    const mine = own(params);
    const { weight, bias, scale, shift } = kind.at((p) => mine[p]!, t, map);
    let y = add(map.apply(toNhwc(x), weight), bias);
    if (scale) y = mul(y, scale);
    if (shift) y = add(y, shift);
    return y.rank === 4 ? transpose(y, [0, 3, 1, 2]) : y;
  };

  it('agrees with the original on the output and all gradients', () => {
    const point = [given, leaf(c.x, backend), tensor(c.t, { backend })] as const;
    const { value, pullback } = vjp(evaluate, point);
    expectClose(value, leaf(c.y, backend));
    const [params, x, t] = pullback(leaf(c.cot, backend));
    expectClose(x, leaf(c.grad_x, backend));
    expectClose(t, tensor(c.grad_t ?? 0, { backend }));
    expect(Object.keys(params).sort()).toEqual(Object.keys(c.param_grads).sort());
    for (const [n, g] of Object.entries(c.param_grads)) expectClose(params[n]!, leaf(g, backend));
  });

  it('declares the shapes and the number of parameters that it takes', () => {
    const mine = own(given);
    const declared = kind.parameters(map);
    expect(Object.fromEntries(Object.entries(declared).map(([n, { shape }]) => [n, shape]))).toEqual(
      Object.fromEntries(Object.entries(mine).map(([n, { shape }]) => [n, shape])),
    );
    const count = (params: Params): number => Object.values(params).reduce((n, { size }) => n + size, 0);
    expect(count(mine)).toBe(count(given));
    expect(map.output).toEqual(toNhwc(leaf(c.y, backend)).shape.slice(1));
  });
});

describe.each(Object.keys(layerKinds) as (keyof typeof layerKinds)[])('%s', (name) => {
  const kind = layerKinds[name];

  it.each([
    ['dense', denseMap(3, 5)],
    ['conv', convMap([4, 4], 2, 3, 1)],
    ['down', convMap([4, 4], 2, 3, 2)],
    ['up', convMap([4, 4], 2, 3, -2)],
  ])('%s: a number and a tensor for the time are the same, and `drift` names the units that change', (_, map) => {
    const params = Object.fromEntries(
      Object.entries(kind.parameters(map)).map(([n, { shape }], i) => [n, randomNormal(key(i), shape, { backend })]),
    );
    const zeroed = (drop: (n: string) => boolean): Params =>
      Object.fromEntries(Object.entries(params).map(([n, x]) => [n, drop(n) ? mul(x, 0) : x]));
    const at = (p: Params, t: number | Tensor): Tensor => {
      const own = kind.at((n) => p[n]!, t, map);
      const u = own.scale ? mul(own.bias, own.scale) : own.bias;
      return own.shift ? add(u, own.shift) : u;
    };
    expectClose(at(params, 0.3), at(params, tensor(0.3, { backend })));
    // Without weights that lead to it, a unit is the constant part alone.
    const unfed = zeroed((n) => n === 'time');
    const drift = kind.drift?.((n) => unfed[n]!);
    const [early, late] = [0.2, 0.9].map((t) => reshape(at(unfed, t), [-1]).dataSync());
    const moves = Array.from(early!, (v, i) => Math.abs(v - late![i]!) > 1e-9);
    expect(moves.some((m) => m)).toBe(drift !== undefined);
    if (!drift) return;
    expect(Array.from(drift.dataSync(), (v) => v !== 0)).toEqual(moves);
    const still = zeroed((n) => ['time', 'bias', 'shift.weight', 'start.bias', 'end.bias', 'bias.slope'].includes(n));
    expect(Array.from(kind.drift!((n) => still[n]!).dataSync()).every((v) => v === 0)).toBe(true);
    expectClose(at(still, 0.2), at(still, 0.9));
  });

  it('leaves nothing behind in a scope', () => {
    const map = convMap([4, 4], 2, 3, 1);
    const params = mapTree(
      Object.fromEntries(
        Object.entries(kind.parameters(map)).map(([n, { shape }]) => [n, randomNormal(key(0), shape, { backend })]),
      ),
      (x) => x,
    );
    const before = backend.liveBuffers();
    scope(() => void kind.at((n) => params[n]!, 0.5, map));
    expect(backend.liveBuffers()).toBe(before);
  });
});
