import { describe, expect, it } from 'vitest';
import { scope, sizeOf } from '../index.ts';
import type { Tensor } from '../index.ts';
import { createReferenceBackend } from '../reference/index.ts';
import { assertClose } from './compare.ts';
import { modes } from './derivatives.ts';
import type { Mode } from './derivatives.ts';
import { operandValues, problemOn } from './problem.ts';
import { specs } from './specs/index.ts';
import type { OpSpec, Order } from './spec.ts';

/*
 * The derivative rules against finite differences, on the reference backend in float64: order n against central differences of
 * order n - 1. With a step h, truncation is h²/6 of the third derivative along the step and rounding is 1.1e-16/h of the values:
 * at h = 1e-5 that is 1.7e-11·|D³| + 1.1e-11·|D⁰|·(number of operations, ~100). Derivatives of the operations tested stay below
 * 1e3 of the scale, so 1e-6 of the scale has an order of magnitude to spare, while a wrong rule is off by the scale itself.
 */
const step = 1e-5;
const tolerance = 1e-6;

const backend = createReferenceBackend();
const differentiable = specs.filter(({ order }) => order > 0);

type Vector = number[];
const flatten = (tensors: readonly Tensor[]): Vector => tensors.flatMap((x) => [...x.dataSync()]);
const dot = (a: Vector, b: Vector): number => a.reduce((sum, x, i) => sum + x * b[i]!, 0);
const norm = (a: Vector): number => a.reduce((most, x) => Math.max(most, Math.abs(x)), 0);

function modeNamed(name: string): Mode {
  const mode = modes.find((candidate) => candidate.name === name);
  if (!mode) throw new Error(`no mode named ${name}`);
  return mode;
}

/** Differentiable operands as one vector, and any mode's result as a function of it. */
function probe(spec: OpSpec) {
  const values = operandValues(spec);
  const followed = spec.inputs.flatMap(({ kind }, i) => (kind === 'float' ? [i] : []));
  const x = followed.flatMap((i) => values[i]!);
  const at = (point: Vector): number[][] => {
    let start = 0;
    return values.map((own, i) =>
      followed.includes(i) ? point.slice(start, (start += sizeOf(spec.inputs[i]!.shape))) : own,
    );
  };
  const evaluate = (mode: Mode, point = x): Vector => {
    const results = scope(() => mode.compute(problemOn(spec, backend, 'float64', true, at(point))));
    const numbers = flatten(results);
    for (const y of results) y.dispose();
    return numbers;
  };
  const { u, w } = scope(() => {
    const problem = problemOn(spec, backend, 'float64', true);
    return { u: flatten(problem.u), w: flatten(problem.w) };
  });
  /** The derivative of a mode's result along a direction, by central differences. */
  const difference = (mode: Mode, direction: Vector): Vector => {
    const up = evaluate(mode, x.map((v, i) => v + step * direction[i]!)); // prettier-ignore
    const down = evaluate(mode, x.map((v, i) => v - step * direction[i]!)); // prettier-ignore
    return up.map((v, i) => (v - down[i]!) / (2 * step));
  };
  return { x, u, w, evaluate, difference };
}

function expectAgreement(what: string, actual: Vector, expected: Vector, scale: number): void {
  expect(actual.length, what).toBe(expected.length);
  const worst = norm(actual.map((v, i) => v - expected[i]!));
  expect(actual.every(Number.isFinite), `${what} is finite`).toBe(true);
  expect(worst, what).toBeLessThanOrEqual(tolerance * Math.max(scale, norm(expected), 1));
}

describe('derivatives against finite differences', () => {
  const covered = differentiable.filter(({ notDifferenceable }) => notDifferenceable === undefined);

  it.each(covered.map((spec) => [`${spec.op} · ${spec.variant}`, spec] as const))('%s', (_, spec) => {
    const { x, u, w, evaluate, difference } = probe(spec);
    const value = modeNamed('value');
    const reverse = modeNamed('reverse');
    const phi = modeNamed('forward of φ');
    const second = modeNamed('forward over reverse');
    const third = modeNamed('forward over forward over reverse');

    expectAgreement('Df[u]', evaluate(modeNamed('forward')), difference(value, u), norm(evaluate(value)));

    // The gradient of φ = Σ weights · g(y), with φ itself computed here from the values.
    const weights = scope(() => flatten(problemOn(spec, backend, 'float64', true).weights));
    const functional = (point: Vector): number =>
      evaluate(value, point).reduce((sum, y, i) => sum + weights[i]! * (y + (y * y) / 2 + (y * y * y) / 6), 0);
    const gradient = evaluate(reverse);
    const along = (d: Vector): number =>
      (functional(x.map((v, i) => v + step * d[i]!)) - functional(x.map((v, i) => v - step * d[i]!))) / (2 * step); // prettier-ignore
    expectAgreement('Dφ[u]', [dot(gradient, u)], [along(u)], Math.abs(functional(x)));
    expectAgreement('Dφ[u], forward', evaluate(phi), [along(u)], Math.abs(functional(x)));
    if (x.length <= 120) {
      const unit = (i: number): Vector => x.map((__, j) => (i === j ? 1 : 0));
      expectAgreement('Dφ', gradient, x.map((__, i) => along(unit(i))), Math.abs(functional(x))); // prettier-ignore
    }

    if (spec.order >= 2) expectAgreement('D²φ[u, ·]', evaluate(second), difference(reverse, u), norm(gradient));
    if (spec.order >= 3)
      expectAgreement('D³φ[u, w, ·]', evaluate(third), difference(second, w), norm(evaluate(second)));
  });

  it('names why the others are left out', () => {
    const left = differentiable.filter((spec) => !covered.includes(spec));
    expect(new Set(left.map(({ op, notDifferenceable }) => `${op}: ${notDifferenceable}`))).toEqual(
      new Set(['stopGradient: its derivative is defined to be zero']),
    );
  });

  it('frees everything', () => {
    expect(backend.liveBuffers()).toBe(0);
  });
});

describe('every nesting of forward and reverse gives the same derivative', () => {
  /** Nestings differ in the order of their roundings only: some hundred of 1.1e-16 at each order. */
  const rounding = 1e-12;

  const cases = differentiable.flatMap((spec) =>
    ([1, 2, 3] as const).filter((order) => order <= spec.order).map((order) => [spec, order] as const),
  );
  const named = cases.map(([spec, order]) => [`${spec.op} · ${spec.variant} · order ${order}`, spec, order] as const);

  it.each(named)('%s', (_, spec: OpSpec, order: Order) => {
    const { u, w, evaluate } = probe(spec);
    const here = modes.filter((mode) => mode.order === order);
    const agree = (result: Mode['result'], expected: Vector, scale: number): void => {
      for (const mode of here.filter((candidate) => candidate.result === result)) {
        const shape = [expected.length];
        const bound = (rounding * Math.max(scale, norm(expected), 1)) / Math.max(norm(expected), 0.1);
        assertClose(mode.name, { shape, values: evaluate(mode) }, { shape, values: expected }, bound);
      }
    };
    const cotangent = evaluate(here.find(({ result }) => result === 'cotangent')!);
    agree('cotangent', cotangent, 0);
    const tangent = here.find(({ result }) => result === 'tangent');
    if (tangent) agree('tangent', evaluate(tangent), 0);
    // Orders 1, 2 and 3 are contracted with u, w and u once more.
    const last = order === 2 ? w : u;
    const terms = cotangent.reduce((sum, v, i) => sum + Math.abs(v * last[i]!), 0);
    agree('directional', [dot(cotangent, last)], terms);
  });
});
