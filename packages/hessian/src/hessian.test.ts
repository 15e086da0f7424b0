import { describe, expect, it } from 'vitest';
import {
  cast,
  grad,
  key,
  mapTree,
  mean,
  mul,
  normal,
  randomNormal,
  square,
  sub,
  sum,
  tensor,
  type Params,
  type Tensor,
} from '@sparseflow/tensor';
import { createReferenceBackend } from '@sparseflow/tensor/reference';
import { batchOf, fixture, masksOf, meanSquaredError, outputs, paramsOf, type Batch } from '../test/network.ts';
import { dense } from '../test/dense.ts';
import { empiricalFisherOperator, gaussNewtonOperator, hessianOperator } from './hessian.ts';
import { lanczos } from './lanczos.ts';
import { restrict, restrictTo } from './operator.ts';
import { powerIteration } from './powerIteration.ts';
import { hutchinsonTrace } from './trace.ts';
import { norm } from './vectors.ts';

const backend = createReferenceBackend();
const batch = batchOf(backend);

function expectMatrix(actual: number[][], expected: number[][], tolerance: number): void {
  const scale = Math.max(...expected.flat().map(Math.abs));
  actual.forEach((row, i) =>
    row.forEach((value, j) => expect(Math.abs(value - expected[i]![j]!) / scale).toBeLessThan(tolerance)),
  );
}

describe.each(fixture.cases)('the original implementations, $tag', (c) => {
  const params = paramsOf(c, backend);
  const operator = hessianOperator(meanSquaredError, params, [{ batch }]);

  it('the products are the full Hessian', async () => {
    const h = await operator;
    expect(h.dimension).toBe(c.n_params);
    const matrix = await dense(h);
    expect(matrix.reduce((total, row, i) => total + row[i]!, 0)).toBeCloseTo(c.trace, 10);
    // Both are exact derivatives in float64: rounding of a few dozen operations. The matrix is on file for the dense network only.
    if (c.hessian) expectMatrix(matrix, c.hessian, 1e-12);
  });

  it('all eigenvalues, and the three largest in size with their sign', async () => {
    const h = await operator;
    const all = await lanczos(h, { k: h.dimension, which: 'smallest', key: key(0) });
    all.values.forEach((value, i) => expect(Math.abs(value - c.eigenvalues[i]!)).toBeLessThan(1e-8));
    expect(all.converged).toBe(true);
    const top = await lanczos(h, { k: 3, key: key(1) });
    const power = await powerIteration(h, { k: 3, key: key(2), tolerance: 1e-7, maxIterations: 5000 });
    const bySize = [...c.eigenvalues].sort((a, b) => Math.abs(b) - Math.abs(a)).slice(0, 3);
    top.values.forEach((value, i) => expect(Math.abs(value - bySize[i]!)).toBeLessThan(1e-8));
    // An eigenvalue is off by the square of its vector's residual, and PyHessian's stops at a relative change of 1e-6 or so.
    power.values.forEach((value, i) => expect(Math.abs(value - bySize[i]!)).toBeLessThan(1e-8));
    top.values.forEach((value, i) => expect(Math.abs(value - c.pyhessian_top3[i]!)).toBeLessThan(1e-4));
    for (const [i, v] of top.vectors.entries()) {
      const rest = await h.apply(v);
      rest.forEach((_, j) => (rest[j]! -= top.values[i]! * v[j]!));
      // The reported residual is that of the recurrence: true up to its rounding.
      expect(norm(rest)).toBeLessThan(top.residuals[i]! + 1e-10);
    }
  });

  it('the trace is within three standard errors', async () => {
    const { value, standardError } = await hutchinsonTrace(await operator, { samples: 200, key: key(3) });
    expect(Math.abs(value - c.trace)).toBeLessThan(3 * standardError);
  });

  it('restricted to the surviving weights it is the submatrix', async () => {
    const h = await restrict(await operator, masksOf(c, backend));
    expect(h.dimension).toBe(c.n_nonzero);
    const matrix = await dense(h);
    expect(Math.abs(matrix.reduce((total, row, i) => total + row[i]!, 0) - c.trace_nonzero_subspace)).toBeLessThan(
      1e-8,
    );
    const all = await lanczos(h, { k: h.dimension, which: 'smallest', key: key(4) });
    all.values.forEach((value, i) => expect(Math.abs(value - c.eigenvalues_nonzero_subspace[i]!)).toBeLessThan(1e-8));
    const top = await lanczos(h, { k: 3, key: key(5) });
    top.values.forEach((value, i) => expect(Math.abs(value - c.sparsehessian_top3[i]!)).toBeLessThan(1e-4));
  });
});

describe('operators', () => {
  const params = paramsOf(fixture.cases[0]!, backend);

  it('batches add up to the whole data set', async () => {
    const parts = [
      { batch: batchOf(backend, 0, 7), weight: 7 },
      { batch: batchOf(backend, 7), weight: 33 },
    ];
    const v = normal(key(6), 51);
    const whole = await (await hessianOperator(meanSquaredError, params, [{ batch }])).apply(v);
    const summed = await (await hessianOperator(meanSquaredError, params, parts)).apply(v);
    summed.forEach((x, i) => expect(Math.abs(x - whole[i]!)).toBeLessThan(1e-12 * norm(whole)));
  });

  it('products fall on central differences of the gradient with an error that falls as ε²', async () => {
    const h = await hessianOperator(meanSquaredError, params, [{ batch }]);
    const v = normal(key(7), 51);
    const product = await h.apply(v);
    const gradientAt = (by: number): number[] => {
      let next = 0;
      const moved = mapTree(params, (x) => {
        const values = x.dataSync().map((value) => value + by * v[next++]!);
        return tensor(values, { backend, shape: x.shape });
      });
      return Object.values(grad(meanSquaredError)(moved, batch)).flatMap((g) => Array.from(g.dataSync()));
    };
    const error = (eps: number): number => {
      const [up, down] = [gradientAt(eps), gradientAt(-eps)];
      return norm(Float64Array.from(up, (u, i) => (u - down[i]!) / (2 * eps) - product[i]!));
    };
    // Truncation alone, above 1e-3: rounding is 1e-16 / ε there.
    for (const eps of [4e-3, 2e-3]) expect(error(eps) / error(eps / 2)).toBeCloseTo(4, 1);
  });

  it('in float32 products agree to 1e-3', async () => {
    const low = (x: Tensor): Tensor => cast(x, 'float32');
    const h32 = await hessianOperator(meanSquaredError, mapTree(params, low), [
      { batch: { x: low(batch.x), y: low(batch.y) } },
    ]);
    const h64 = await hessianOperator(meanSquaredError, params, [{ batch }]);
    const v = normal(key(8), 51);
    const [a, b] = [await h32.apply(v), await h64.apply(v)];
    a.forEach((x, i) => expect(Math.abs(x - b[i]!)).toBeLessThan(1e-3 * norm(b)));
  });

  it('Gauss-Newton of a squared error is 2/n JᵀJ, and the Fisher matrix is the mean of outer products', async () => {
    const n = fixture.x.length;
    const ggn = await gaussNewtonOperator(
      { outputs, loss: (y: Tensor, b: Batch) => mean(square(sub(y, b.y))) },
      params,
      [{ batch }],
    );
    const losses = (p: Params, b: Batch): Tensor => sum(square(sub(outputs(p, b), b.y)), 1);
    const fisher = await empiricalFisherOperator(losses, params, [{ batch }]);
    const rows = (f: (p: Params, b: Batch) => Tensor): number[][] =>
      fixture.x.map((_, i) =>
        Object.values(grad((p: Params) => sum(f(p, batchOf(backend, i, i + 1))))(params)).flatMap((g) => [
          ...g.dataSync(),
        ]),
      );
    const gram = (list: number[][], factor: number): number[][] =>
      list[0]!.map((_, i) =>
        list[0]!.map((__, j) => factor * list.reduce((total, row) => total + row[i]! * row[j]!, 0)),
      );
    expectMatrix(await dense(ggn), gram(rows(outputs), 2 / n), 1e-12);
    expectMatrix(await dense(fisher), gram(rows(losses), 1 / n), 1e-12);
  });

  it('what is restricted has exact zeros outside the mask', async () => {
    const pruned = fixture.cases.find((c) => c.n_nonzero < c.n_params)!;
    const masks = masksOf(pruned, backend);
    const h = await restrict(await hessianOperator(meanSquaredError, paramsOf(pruned, backend), [{ batch }]), masks);
    const { vectors } = await lanczos(h, { k: 2, key: key(10) });
    const kept = Object.values(masks).flatMap((mask) => [...mask.dataSync()]);
    for (const v of vectors) {
      const full = h.expand(v);
      expect(full).toHaveLength(pruned.n_params);
      full.forEach((x, i) => kept[i] === 0 && expect(x).toBe(0));
      expect(norm(full)).toBe(norm(v));
    }
  });

  it('restrictTo takes the block of a layer', async () => {
    const h = await hessianOperator(meanSquaredError, params, [{ batch }]);
    const block = restrictTo(h, (name) => name.endsWith('2'));
    expect([block.dimension, block.layout.parts.map(({ name, offset, size }) => [name, offset, size])]).toEqual([
      28,
      [
        ['w2', 0, 24],
        ['b2', 24, 4],
      ],
    ]);
    expectMatrix(
      await dense(block),
      fixture.cases[0]!.hessian!.slice(18, 46).map((row) => row.slice(18, 46)),
      1e-11,
    );
  });

  it('leaves nothing behind, also when the loss throws', async () => {
    const before = backend.liveBuffers();
    const h = await hessianOperator(meanSquaredError, params, [{ batch }]);
    await h.apply(normal(key(9), 51));
    expect(backend.liveBuffers()).toBe(before);
    const broken = (): Tensor => {
      mul(params['w1']!, 2);
      throw new Error('stop');
    };
    await expect(hessianOperator(broken, params, [{ batch }])).rejects.toThrow('stop');
    expect(backend.liveBuffers()).toBe(before);
  });

  it.each<[string, () => Promise<unknown>]>([
    ['no data', () => hessianOperator(meanSquaredError, params, [])],
    ['not scalar', () => hessianOperator(outputs, params, [{ batch }])],
    [
      'not finite',
      () => hessianOperator((p: Params, b: Batch) => mul(meanSquaredError(p, b), Number.NaN), params, [{ batch }]),
    ],
    [
      'random',
      () => {
        let call = 0;
        const noisy = (p: Params, b: Batch): Tensor =>
          sum(mul(square(p['w1']!), mul(randomNormal(key(call++), [6, 2], { backend }), mean(b.x))));
        return hessianOperator(noisy, params, [{ batch }]);
      },
    ],
    [
      'a stream of batches',
      () => {
        function* stream() {
          yield { batch };
        }
        return hessianOperator(meanSquaredError, params, stream() as unknown as { batch: Batch }[]);
      },
    ],
    ['k', async () => lanczos(await hessianOperator(meanSquaredError, params, [{ batch }]), { k: 52, key: key(0) })],
    ['nothing left', async () => restrictTo(await hessianOperator(meanSquaredError, params, [{ batch }]), () => false)],
    [
      'foreign mask',
      async () =>
        restrict(await hessianOperator(meanSquaredError, params, [{ batch }]), { w1: tensor([1], { backend }) }),
    ],
  ])('refuses: %s', async (_, run) => {
    await expect(run()).rejects.toThrowErrorMatchingSnapshot();
  });
});
