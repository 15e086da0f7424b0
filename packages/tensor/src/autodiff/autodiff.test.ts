import { describe, expect, it } from 'vitest';
import {
  add,
  affine,
  exp,
  grad,
  hvp,
  jvp,
  linearize,
  matMul,
  mul,
  pow,
  scope,
  sin,
  square,
  stopGradient,
  sum,
  tanh,
  tensor,
  valueAndGrad,
  vjp,
  type Tensor,
} from '../index.ts';
import { createReferenceBackend } from '../reference/index.ts';

const backend = createReferenceBackend();
const at = (values: number | number[]): Tensor => tensor(values, { backend });
const read = (x: Tensor): number[] => Array.from(x.dataSync());
const nth = (f: (x: Tensor) => Tensor, n: number): ((x: Tensor) => Tensor) =>
  n === 0 ? f : nth((x) => grad(f)(x), n - 1);

describe('derivatives of any order', () => {
  it('differentiates sin six times by nested reverse mode', () => {
    const expected = [
      Math.sin,
      Math.cos,
      (x: number) => -Math.sin(x),
      (x: number) => -Math.cos(x),
      Math.sin,
      Math.cos,
      (x: number) => -Math.sin(x),
    ];
    expected.forEach((f, n) => expect(read(nth(sin, n)(at(0.7)))[0]).toBeCloseTo(f(0.7), 14));
  });

  it('gives the same third derivative by all eight nestings of modes', () => {
    // d³/dx³ exp(x²) = (8x³ + 12x) exp(x²)
    const f = (x: Tensor): Tensor => exp(square(x));
    const reverse =
      (g: (x: Tensor) => Tensor) =>
      (x: Tensor): Tensor =>
        grad((y: Tensor) => sum(g(y)))(x);
    const forward =
      (g: (x: Tensor) => Tensor) =>
      (x: Tensor): Tensor =>
        jvp(g, x, at(1)).tangent;
    const x = 0.4;
    const exact = (8 * x ** 3 + 12 * x) * Math.exp(x * x);
    for (const a of [reverse, forward])
      for (const b of [reverse, forward])
        for (const c of [reverse, forward]) expect(read(a(b(c(f)))(at(x)))[0]).toBeCloseTo(exact, 12);
  });

  it('keeps perturbations of nested levels apart', () => {
    // d/dx [x · d/dy (x + y)] = 1, and not 2 (Siskind & Pearlmutter 2005).
    const inner = (x: Tensor): Tensor => mul(x, jvp((y) => add(x, y), at(1), at(1)).tangent);
    expect(read(jvp(inner, at(3), at(1)).tangent)).toEqual([1]);
    expect(read(grad((x: Tensor) => mul(x, grad((y: Tensor) => add(x, y))(at(1))))(at(3)))).toEqual([1]);
  });

  it('gives zeros to a parameter without a path, and accepts a constant function', () => {
    const params = { used: at([1, 2]), unused: at([[1, 2]].flat()) };
    const { value, grad: g } = valueAndGrad((p: typeof params) => sum(square(p.used)))(params);
    expect(read(value)).toEqual([5]);
    expect(read(g.used)).toEqual([2, 4]);
    expect(read(g.unused)).toEqual([0, 0]);
    expect(read(grad((_: Tensor) => at(1))(at([4, 5])))).toEqual([0, 0]);
    expect(read(jvp(() => at(1), at(2), at(3)).tangent)).toEqual([0]);
  });

  it('hvp is the Hessian times the vector', () => {
    // f = x²y + y³: H = [[2y, 2x], [2x, 6y]]
    const f = (p: { x: Tensor; y: Tensor }): Tensor => add(mul(square(p.x), p.y), pow(p.y, 3));
    const h = hvp(f, { x: at(2), y: at(5) }, { x: at(1), y: at(-1) });
    expect([read(h.x)[0], read(h.y)[0]]).toEqual([10 - 4, 4 - 30]);
  });

  it('linearize agrees with jvp for many directions and does not run the function again', () => {
    let runs = 0;
    const f = (x: Tensor): Tensor => {
      runs++;
      return tanh(
        matMul(
          x,
          tensor(
            [
              [1, 2],
              [3, 4],
            ],
            { backend },
          ),
        ),
      );
    };
    const x = tensor([[0.1, -0.2]], { backend });
    const line = linearize(f, x);
    for (const v of [
      [1, 0],
      [0, 1],
      [2, -3],
    ]) {
      const direction = tensor([v], { backend });
      expect(read(line.jvp(direction))).toEqual(read(jvp(f, x, direction).tangent));
    }
    expect(runs).toBe(4);
    line.dispose();
  });

  it('a pullback can be used more than once, and inside another recording', () => {
    const { pullback, dispose } = vjp(square, at(3));
    expect(read(pullback(at(1)))).toEqual([6]);
    expect(read(grad((c: Tensor) => pullback(c))(at(2)))).toEqual([6]);
    dispose();
  });

  it('stopGradient is the identity with derivative zero', () => {
    expect(read(grad((x: Tensor) => mul(x, stopGradient(x)))(at(3)))).toEqual([3]);
  });

  it('refuses a function that is not scalar, and a cotangent of another shape', () => {
    expect(() => grad(square)(at([1, 2]))).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: grad: the function returned shape [2], not a single number. To fix: reduce it with sum or mean, or use vjp.]`,
    );
    const { pullback } = vjp(square, at([1, 2]));
    expect(() => pullback(at([1, 2, 3]))).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: pullback: tensor 0 of the cotangent has shape [3], expected [2]. To fix: give the cotangent the shapes of the value it belongs to.]`,
    );
  });
});

describe('memory', () => {
  const count = (run: () => void): number => {
    const before = backend.liveBuffers();
    run();
    return backend.liveBuffers() - before;
  };
  const f = (x: Tensor): Tensor => scope(() => sum(mul(square(x), exp(affine(x, 0.5)))));

  it('every transformation leaves only its results', () => {
    const x = at([1, 2, 3]);
    const v = at([1, 0, 1]);
    expect(count(() => grad(f)(x))).toBe(1);
    expect(count(() => valueAndGrad(f)(x))).toBe(2);
    expect(count(() => jvp(f, x, v))).toBe(2);
    expect(count(() => hvp(f, x, v))).toBe(1);
    expect(count(() => scope(() => void vjp(f, x).pullback(at(1))))).toBe(0);
    expect(
      count(() => {
        const r = vjp(f, x);
        r.dispose();
        r.value.dispose();
      }),
    ).toBe(0);
    expect(
      count(() => {
        const r = linearize(f, x);
        r.jvp(v).dispose();
        r.dispose();
        r.value.dispose();
      }),
    ).toBe(0);
  });

  it('also when the function throws, at every depth', () => {
    const x = at([1, 2, 3]);
    const bad = (y: Tensor): Tensor => {
      const z = f(y);
      square(z);
      throw new Error('stop');
    };
    for (const run of [
      () => grad(bad)(x),
      () => jvp(bad, x, x),
      () => hvp(bad, x, x),
      () => vjp(bad, x),
      () => scope(() => bad(x)),
    ]) {
      expect(count(() => expect(run).toThrow('stop'))).toBe(0);
    }
  });

  it('a scope inside a recorded function does not free what the pullback needs', () => {
    const g = (x: Tensor): Tensor => {
      const inner = scope(() => exp(square(x)));
      const copy = square(x);
      copy.dispose(); // deferred: the tape may hold it
      return sum(inner);
    };
    expect(read(grad(g)(at(1)))[0]).toBeCloseTo(2 * Math.E, 14);
  });

  it('every cotangent is a tensor of its own', () => {
    const g = grad((p: { a: Tensor; b: Tensor }) => sum(add(p.a, p.b)))({ a: at([1]), b: at([2]) });
    g.a.dispose();
    expect(read(g.b)).toEqual([1]);
    const ct = at(3);
    const { pullback } = vjp((x: Tensor) => x, at(1));
    pullback(ct).dispose();
    expect(read(ct)).toEqual([3]);
  });

  it('names the operation when a disposed tensor is used', () => {
    const x = at([1, 2]);
    x.dispose();
    x.dispose();
    expect(x.isDisposed).toBe(true);
    expect(() => square(x)).toThrowErrorMatchingInlineSnapshot(
      `[DisposedTensorError: square: a tensor of shape [2] was used after it was disposed. To fix: return it from the scope that created it, or dispose it later.]`,
    );
    expect(() => x.dataSync()).toThrowErrorMatchingInlineSnapshot(
      `[DisposedTensorError: dataSync: a tensor of shape [2] was used after it was disposed. To fix: return it from the scope that created it, or dispose it later.]`,
    );
  });

  it('refuses tensors of two backends', () => {
    const other = createReferenceBackend();
    expect(() => add(at(1), tensor(1, { backend: other }))).toThrowErrorMatchingInlineSnapshot(
      `[BackendMismatchError: add: operands live on two backends, 'reference' and 'reference'. To fix: download one with data() and upload it with tensor(values, { backend }).]`,
    );
  });
});
