import { add, affine, grad, jvp, linearize, mul, sum, vjp } from '../index.ts';
import type { Tensor } from '../index.ts';
import type { Order } from './spec.ts';

export type Point = readonly Tensor[];

/** A function, where it is differentiated, and in which directions. */
export interface Problem {
  readonly f: (x: Point) => Point;
  /** The operands of f. */
  readonly x: Point;
  /** Two directions in the space of x. */
  readonly u: Point;
  readonly w: Point;
  /** Weights for each element of f(x). */
  readonly weights: Point;
}

/**
 * φ(x) = Σ weights · g(f(x)) with g(y) = y + y²/2 + y³/6, the cubic part of the exponential: a number whose derivatives of orders 1
 * to 3 do not vanish even where f is linear.
 */
export function functional({ f, weights }: Problem): (x: Point) => Tensor {
  return (x) => {
    const terms = f(x).map((y, i) => {
      const inner = affine(mul(y, affine(y, 1 / 6, 1 / 2)), 1, 1);
      return sum(mul(mul(y, inner), weights[i]!));
    });
    return terms.reduce((a, b) => add(a, b));
  };
}

type Map = (x: Point) => Point;
const forward =
  (h: Map, direction: Point): Map =>
  (x) =>
    jvp(h, x, direction).tangent;
const reverse =
  (h: Map, cotangent: Point): Map =>
  (x) =>
    vjp(h, x).pullback(cotangent);

type Scalar = (x: Point) => Tensor;
const gradient = (phi: Scalar): Map => grad(phi);
const slope =
  (phi: Scalar, direction: Point): Scalar =>
  (x) =>
    jvp(phi, x, direction).tangent;

/** One way to compute a derivative. */
export interface Mode {
  readonly name: string;
  readonly order: Order;
  /** Modes of equal order and result compute the same numbers. */
  readonly result: 'value' | 'tangent' | 'cotangent' | 'directional';
  readonly compute: (problem: Problem) => Point;
  /** Runs on every backend; the others only check that all nestings agree, which does not depend on the backend. */
  readonly everywhere: boolean;
}

/**
 * Results: `value` f(x); `tangent` Df[u]; `cotangent` the gradient of φ at order 1, D²φ[u, ·] at order 2, D³φ[u, w, ·] at order 3;
 * `directional` the same contracted with one more direction.
 */
export const modes: readonly Mode[] = [
  { name: 'value', order: 0, result: 'value', everywhere: true, compute: ({ f, x }) => f(x) },

  { name: 'forward', order: 1, result: 'tangent', everywhere: true, compute: ({ f, x, u }) => forward(f, u)(x) },
  { name: 'linearize', order: 1, result: 'tangent', everywhere: false, compute: ({ f, x, u }) => linearize(f, x).jvp(u) },
  { name: 'reverse', order: 1, result: 'cotangent', everywhere: true, compute: (p) => gradient(functional(p))(p.x) },
  { name: 'forward of φ', order: 1, result: 'directional', everywhere: false, compute: (p) => [slope(functional(p), p.u)(p.x)] },

  { name: 'forward over reverse', order: 2, result: 'cotangent', everywhere: true, compute: (p) => forward(gradient(functional(p)), p.u)(p.x) },
  { name: 'reverse over reverse', order: 2, result: 'cotangent', everywhere: true, compute: (p) => reverse(gradient(functional(p)), p.u)(p.x) },
  { name: 'reverse over forward', order: 2, result: 'cotangent', everywhere: false, compute: (p) => gradient(slope(functional(p), p.u))(p.x) },
  { name: 'forward over forward', order: 2, result: 'directional', everywhere: false, compute: (p) => [slope(slope(functional(p), p.u), p.w)(p.x)] },

  { name: 'forward over forward over reverse', order: 3, result: 'cotangent', everywhere: true, compute: (p) => forward(forward(gradient(functional(p)), p.u), p.w)(p.x) },
  { name: 'reverse over reverse over reverse', order: 3, result: 'cotangent', everywhere: true, compute: (p) => reverse(reverse(gradient(functional(p)), p.u), p.w)(p.x) },
  { name: 'reverse over forward over reverse', order: 3, result: 'cotangent', everywhere: true, compute: (p) => reverse(forward(gradient(functional(p)), p.u), p.w)(p.x) },
  { name: 'forward over reverse over reverse', order: 3, result: 'cotangent', everywhere: false, compute: (p) => forward(reverse(gradient(functional(p)), p.u), p.w)(p.x) },
  { name: 'reverse over forward over forward', order: 3, result: 'cotangent', everywhere: false, compute: (p) => gradient(slope(slope(functional(p), p.u), p.w))(p.x) },
  { name: 'forward over forward over forward', order: 3, result: 'directional', everywhere: false, compute: (p) => [slope(slope(slope(functional(p), p.u), p.w), p.u)(p.x)] },
]; // prettier-ignore
