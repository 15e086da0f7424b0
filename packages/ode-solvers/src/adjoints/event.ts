import {
  add,
  affine,
  copy,
  disposeTree,
  dot,
  flattenTree,
  jvp,
  mapTree,
  scope,
  vjp,
  type Tensor,
  type Tree,
} from '@sparseflow/tensor';
import type { Leaves } from '../rungeKutta.ts';
import { total, type AdjointContext } from './adjoint.ts';

/** An event that fired. */
export interface EventState {
  readonly t: number;
  /** The state there. */
  readonly y: Leaves;
  readonly value: (t: number, y: Leaves, params: Tree) => Tensor;
}

/** What the cotangent of an event's time comes to. */
export interface PulledEvent {
  /** The cotangent of the state at the time that the event had. */
  readonly byY: Leaves;
  /** Adds the part that comes from the event's own parameters, and disposes what it was given. */
  readonly addTo: (gradient: Tree) => Tree;
  readonly dispose: () => void;
}

/**
 * The part of a gradient that comes from the time of an event. Where g(t, y, θ) = 0, that time moves by
 * -(∂g/∂y dy + ∂g/∂θ dθ) / (∂g/∂y f + ∂g/∂t), the implicit function theorem (Chen, Amos & Nickel 2021): its cotangent `ofTime` becomes
 * cotangents of y and θ. So does the cotangent `last` of the state where the event ends the solve, as that state moves along f with
 * the time. ∂g/∂t is a central difference, exact where g is quadratic in t.
 */
export async function pullBackEvent(
  { t, y, value }: EventState,
  { params, evaluate }: AdjointContext,
  ofTime: number,
  last?: Leaves,
): Promise<PulledEvent> {
  const h = timeStep(t);
  const parts = scope(() => {
    const { value: g, pullback } = vjp((x: { y: Leaves; params: Tree }) => value(t, x.y, x.params), { y, params });
    const back = pullback(affine(g, 0, 1));
    const f = evaluate(t, y, params);
    const dots = (a: Leaves): Tensor[] => a.map((leaf, i) => dot(leaf, f[i]!));
    return {
      byY: back.y,
      byParams: back.params,
      along: dots(back.y),
      moved: last ? dots(last) : [],
      later: [affine(value(t + h, y, params), 1)],
      sooner: [affine(value(t - h, y, params), 1)],
    };
  });
  const [along, moved, later, sooner] = await Promise.all(
    [parts.along, parts.moved, parts.later, parts.sooner].map(total),
  );
  const rate = along! + (later! - sooner!) / (2 * h);
  const share = -(moved! + ofTime) / rate;
  const leaves = flattenTree(parts.byParams);
  const byY = scope(() =>
    parts.byY.map((leaf, i) => (last ? add(affine(leaf, share), last[i]!) : affine(leaf, share))),
  );
  disposeTree(parts.byY);
  return {
    byY,
    addTo(gradient) {
      const sum = scope(() =>
        mapTree(gradient, (leaf, i) =>
          leaf.dtype === 'int32' ? affine(leaf, 1) : add(leaf, affine(leaves[i]!, share)),
        ),
      );
      disposeTree(gradient);
      return sum;
    },
    dispose: () => disposeTree([leaves, byY]),
  };
}

/** For central differences in time. */
function timeStep(t: number): number {
  return 2 ** -17 * Math.max(1, Math.abs(t));
}

/**
 * The same forwards: how the time of the event and the state there move, given the tangent of the state at the time that it had.
 */
export async function movedByEvent<Y extends Tree, P extends Tree>(
  { t, y, value, slope }: { t: number; y: Y; value: (t: number, y: Y, params: P) => Tensor; slope: () => Y },
  params: P,
  tangent: { readonly y: Y; readonly params: P },
): Promise<{ readonly tangent: Y; readonly t1: number }> {
  const h = timeStep(t);
  const parts = scope(() => {
    const f = slope();
    const at = (time: number) => (x: { y: Y; params: P }) => affine(value(time, x.y, x.params), 1);
    const now = { y, params };
    return {
      f: mapTree(f, copy),
      moved: [jvp(at(t), now, tangent).tangent],
      along: [jvp((x: Y) => at(t)({ y: x, params }), y, f).tangent],
      later: [at(t + h)(now)],
      sooner: [at(t - h)(now)],
    };
  });
  const [moved, along, later, sooner] = await Promise.all(
    [parts.moved, parts.along, parts.later, parts.sooner].map(total),
  );
  const t1 = -moved! / (along! + (later! - sooner!) / (2 * h));
  const slopes = flattenTree(parts.f);
  const sum = scope(() => mapTree(tangent.y, (leaf, i) => add(leaf, affine(slopes[i]!, t1))));
  disposeTree(parts.f);
  return { tangent: sum, t1 };
}
