import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import * as ops from '../index.ts';
import type { ActivationName, Shape, Tensor } from '../index.ts';
import { createReferenceBackend } from '../reference/index.ts';
import { specs } from './specs/index.ts';

/*
 * The suite compares backends that run the same compositions, so it cannot see a wrong formula in one. Here the compositions are
 * compared with their closed forms on the reference backend in float64, where a few roundings of 1.1e-16 stay below 1e-14.
 */

const backend = createReferenceBackend();
const put = (values: readonly number[], shape: Shape = [values.length]): Tensor =>
  ops.tensor([...values], { backend, shape });
const xs = [-2.5, -1, -0.3, 0, 0.4, 1, 3];
const rows = [0.5, -1, 2, 3, 0.25, -2];

function expectClose(actual: Tensor, expected: readonly number[], shape: Shape = [expected.length]): void {
  expect(actual.shape).toEqual(shape);
  const values = [...actual.dataSync()];
  values.forEach((value, i) =>
    expect(Math.abs(value - expected[i]!), `element ${i}: ${value}, ${expected[i]}`).toBeLessThanOrEqual(
      1e-14 * Math.max(1, Math.abs(expected[i]!)),
    ),
  );
}

describe('closed forms', () => {
  const elementwise: [string, (x: Tensor) => Tensor, (x: number) => number][] = [
    ['elu', ops.elu, (x) => (x > 0 ? x : Math.exp(x) - 1)],
    ['swish', ops.swish, (x) => x / (1 + Math.exp(-x))],
    ['clip', (x) => ops.clip(x, -1, 0.5), (x) => (x < -1 ? -1 : x > 0.5 ? 0.5 : x)],
    ['affine', (x) => ops.affine(x, 3, -1), (x) => 3 * x - 1],
    ['x + 2', (x) => ops.add(x, 2), (x) => x + 2],
    ['2 + x', (x) => ops.add(2, x), (x) => 2 + x],
    ['x - 2', (x) => ops.sub(x, 2), (x) => x - 2],
    ['2 - x', (x) => ops.sub(2, x), (x) => 2 - x],
    ['3 · x', (x) => ops.mul(3, x), (x) => 3 * x],
    ['x / 3', (x) => ops.div(x, 3), (x) => x / 3],
    ['3 / x', (x) => ops.div(3, ops.add(x, 10)), (x) => 3 / (x + 10)],
    ['x³', (x) => ops.pow(x, 3), (x) => x * x * x],
    ['2ˣ', (x) => ops.pow(2, x), (x) => 2 ** x],
    ['max(x, 1)', (x) => ops.maximum(x, 1), (x) => Math.max(x, 1)],
    ['min(1, x)', (x) => ops.minimum(1, x), (x) => Math.min(1, x)],
    ['x > 1', (x) => ops.greater(x, 1), (x) => Number(x > 1)],
    ['x ≥ 1', (x) => ops.greaterEqual(x, 1), (x) => Number(x >= 1)],
    ['1 > x', (x) => ops.greater(1, x), (x) => Number(1 > x)],
    ['1 ≤ x', (x) => ops.lessEqual(1, x), (x) => Number(1 <= x)],
    ['where', (x) => ops.where(ops.greater(x, 0), x, ops.affine(x, 2, 0)), (x) => (x > 0 ? x : 2 * x)],
  ];
  it.each(elementwise)('%s', (_, f, g) => expectClose(f(put(xs)), xs.map(g))); // prettier-ignore

  it('softmax, logSoftmax and logSumExp', () => {
    const e = rows.map(Math.exp);
    const totals = [e[0]! + e[1]! + e[2]!, e[3]! + e[4]! + e[5]!];
    const x = put(rows, [2, 3]);
    expectClose(ops.logSumExp(x, 1), totals.map(Math.log));
    expectClose(ops.logSumExp(x), [Math.log(totals[0]! + totals[1]!)], []);
    expectClose(ops.softmax(x), e.map((v, i) => v / totals[i < 3 ? 0 : 1]!), [2, 3]); // prettier-ignore
    expectClose(ops.logSoftmax(x), rows.map((v, i) => v - Math.log(totals[i < 3 ? 0 : 1]!)), [2, 3]); // prettier-ignore
    expectClose(ops.logSumExp(put([1000, 1000])), [1000 + Math.LN2], []);
  });

  it('mean, norm and dot', () => {
    const x = put(rows, [2, 3]);
    expectClose(ops.mean(x, 1, { keepDims: true }), [0.5, 1.25 / 3], [2, 1]);
    expectClose(ops.norm(x, 0), [Math.hypot(0.5, 3), Math.hypot(1, 0.25), Math.hypot(2, 2)]);
    expectClose(ops.dot(x, x), [rows.reduce((sum, v) => sum + v * v, 0)], []);
  });

  it('stack and split', () => {
    expectClose(ops.stack([put([1, 2]), put([3, 4])], 1), [1, 3, 2, 4], [2, 2]);
    const [a, b] = ops.split(put(rows, [2, 3]), [1, 2], 1);
    expectClose(a!, [0.5, 3], [2, 1]);
    expectClose(b!, [-1, 2, 0.25, -2], [2, 2]);
  });

  it('matMul broadcasts leading axes', () => {
    const a = put([1, 2, 3, 4], [2, 1, 2]);
    const b = put([1, 0, 0, 1, 2, 0, 0, 2, 0, 1, 1, 0], [3, 1, 2, 2]);
    expectClose(ops.matMul(a, b), [1, 2, 3, 4, 2, 4, 6, 8, 2, 1, 4, 3], [3, 2, 1, 2]);
  });

  it("conv2d with 'same' padding", () => {
    // A 3-tap box filter: [0 1 2 3 4] → sums of neighbours; with stride 2 every other one.
    const x = put([0, 1, 2, 3, 4], [1, 1, 5, 1]);
    const box = put([1, 1, 1], [1, 3, 1, 1]);
    expectClose(ops.conv2d(x, box, { padding: 'same' }), [1, 3, 6, 9, 7], [1, 1, 5, 1]);
    expectClose(ops.conv2d(x, box, { padding: 'same', strides: [1, 2] }), [1, 6, 7], [1, 1, 3, 1]);
    expectClose(ops.conv2dTranspose(put([1, 1, 1], [1, 1, 3, 1]), box, [1, 5], {}), [1, 2, 3, 2, 1], [1, 1, 5, 1]);
  });

  it('linearCombination and scaledErrorNorm', () => {
    expectClose(ops.linearCombination([put([1, 2]), put([3, 4])], [2, -1]), [-1, 0]);
    const norm = ops.scaledErrorNorm([put([1, 2]), put([3])], [put([1, -4]), put([0])], [put([-3, 1]), put([0])], { rtol: 0.5, atol: 1 }); // prettier-ignore
    // Tolerances 1 + 0.5·3, 1 + 0.5·4 and 1.
    expectClose(norm, [Math.sqrt(((1 / 2.5) ** 2 + (2 / 3) ** 2 + 3 ** 2) / 3)], []);
  });

  it('rowDots and scaleRows', () => {
    const [a, b] = [put([1, 2, 3, 4], [2, 2, 1]), put([5, 6, 7, 8], [2, 2, 1])];
    expectClose(ops.rowDots(a, b, 2), [2 * (1 * 5 + 3 * 7), 2 * (2 * 6 + 4 * 8)], [2]);
    expectClose(ops.scaleRows(a, put([10, -1]), 2), [20, -4, 60, -8], [2, 2, 1]);
  });

  it.each([true, false])('adamUpdate, decoupled: %s', (decoupled) => {
    const p = { learningRate: 0.1, beta1: 0.9, beta2: 0.99, epsilon: 1e-3, weightDecay: 0.2, decoupled, step: 2 };
    const [w, g, m, v] = [0.5, -0.3, 0.1, 0.04];
    const next = ops.adamUpdate({ param: put([w, w]), gradient: put([g, g]), mean: put([m, m]), variance: put([v, v]), mask: put([1, 0]) }, p); // prettier-ignore
    const used = decoupled ? g : g + 0.2 * w;
    const mean = 0.9 * m + 0.1 * used;
    const variance = 0.99 * v + 0.01 * used * used;
    const move = (0.1 * (mean / (1 - 0.81))) / (Math.sqrt(variance / (1 - 0.99 ** 2)) + 1e-3);
    expectClose(next.param, [w * (decoupled ? 1 - 0.1 * 0.2 : 1) - move, 0]);
    expectClose(next.mean, [mean, mean]);
    expectClose(next.variance, [variance, variance]);
  });
});

describe('dualMlp', () => {
  const layer = (out: number, into: number, at: number): ops.DualLayer => {
    const wave = (shape: Shape, phase: number): Tensor =>
      put(Array.from({ length: ops.sizeOf(shape) }, (_, i) => Math.sin(3 * i + phase)), shape); // prettier-ignore
    return {
      weight: wave([out, into], at),
      bias: wave([out], at + 1),
      scale: wave([out], at + 2),
      shift: wave([out], at + 3),
    };
  };
  const layers = [layer(5, 2, 1), layer(3, 5, 2)];
  const x = put(rows, [3, 2]);
  const tangents = put([1, 0, 1, 0, 1, 0, 0.5, 2, -1, 1, 0, 3], [2, 3, 2]);

  it.each(Object.keys(ops.activations) as ActivationName[])(
    '%s: value and tangents are those of the network',
    (name) => {
      const net = (z: Tensor): Tensor => {
        let h = z;
        layers.forEach(({ weight, bias, scale, shift }, i) => {
          const u = ops.add(ops.mul(ops.add(ops.matMul(h, ops.transpose(weight)), bias!), scale!), shift!);
          h = i === 0 ? ops.activations[name].apply(u) : u;
        });
        return h;
      };
      const { value, tangent } = ops.dualMlp(x, tangents, layers, name);
      expectClose(value, [...net(x).dataSync()], [3, 3]);
      [0, 1].forEach((k) => {
        const direction = ops.reshape(ops.slice(tangents, [k, 0, 0], [1, 3, 2]), [3, 2]);
        const row = ops.reshape(ops.slice(tangent, [k, 0, 0], [1, 3, 3]), [3, 3]);
        expectClose(row, [...ops.jvp(net, x, direction).tangent.dataSync()], [3, 3]);
      });
    },
  );
});

describe('nested differentiation keeps its variables apart', () => {
  const at = (value: number): Tensor => put([value], []);

  it('d/dx x · d/dy (x + y) = 1', () => {
    const inner = (x: Tensor): Tensor => ops.grad((y: Tensor) => ops.add(x, y))(at(1));
    expectClose(ops.grad((x: Tensor) => ops.mul(x, inner(x)))(at(5)), [1], []);
    const forward = (x: Tensor): Tensor => ops.jvp((y: Tensor) => ops.add(x, y), at(1), at(1)).tangent;
    expectClose(ops.jvp((x: Tensor) => ops.mul(x, forward(x)), at(5), at(1)).tangent, [1], []);
  });

  it('d/dx x · d/dy (x · y²) at y = 3 is 12 x', () => {
    const y = at(3);
    const f = (x: Tensor) => (z: Tensor) => ops.mul(x, ops.square(z));
    const byGrad = (x: Tensor): Tensor => ops.mul(x, ops.grad(f(x))(y));
    const byJvp = (x: Tensor): Tensor => ops.mul(x, ops.jvp(f(x), y, at(1)).tangent);
    for (const g of [byGrad, byJvp]) {
      expectClose(ops.grad(g)(at(2)), [24], []);
      expectClose(ops.jvp(g, at(2), at(1)).tangent, [24], []);
    }
  });

  it('the inner point may depend on the outer variable', () => {
    // d/dx [d/dy sin(x y) at y = x²] = d/dx x cos(x³) = cos(x³) − 3x³ sin(x³).
    const g = (x: Tensor): Tensor => ops.grad((y: Tensor) => ops.sin(ops.mul(x, y)))(ops.square(x));
    const x = 0.7;
    expectClose(ops.grad(g)(at(x)), [Math.cos(x ** 3) - 3 * x ** 3 * Math.sin(x ** 3)], []);
  });

  it('the fourth derivative of sin is sin', () => {
    let f = ops.sin;
    for (let i = 0; i < 4; i++) f = i % 2 ? ops.grad(f) : slope(f);
    expectClose(f(at(0.9)), [Math.sin(0.9)], []);
  });

  function slope(f: (x: Tensor) => Tensor): (x: Tensor) => Tensor {
    return (x) => ops.jvp(f, x, ops.onesLike(x)).tangent;
  }
});

describe('the lists', () => {
  it('know every operation that the package exports', async () => {
    const index = await readFile(new URL('../index.ts', import.meta.url), 'utf8');
    const exported = [...index.matchAll(/export \{([^}]*)\} from '\.\/(?:ops|fused)\//g)].flatMap(([, names]) =>
      names!
        .split(',')
        .map((name) => name.trim())
        .filter((name) => name !== '' && !name.startsWith('type ')),
    );
    expect(exported.length).toBeGreaterThan(50);
    // cast is among the storage cases, sumTo is the derivative of every broadcast; the last two are not operations.
    const elsewhere = ['cast', 'sumTo', 'defineFused', 'activations'];
    const known = new Set([...specs.map(({ op }) => op), ...elsewhere]);
    expect(exported.filter((name) => !known.has(name))).toEqual([]);
  });
});
