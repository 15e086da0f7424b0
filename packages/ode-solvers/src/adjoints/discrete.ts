import {
  add,
  copy,
  disposeTree,
  flattenTree,
  mapTree,
  scope,
  stopGradient,
  vjp,
  zerosLike,
  type Tensor,
  type Tree,
} from '@sparseflow/tensor';
import { locate, replaySteps, type Output, type Replayed } from '../replay.ts';
import type { LeafField, Leaves } from '../rungeKutta.ts';
import { dots, total, type AdjointContext, type Cotangents, type Pulled } from './adjoint.ts';

/** Steps `from` up to, not including, `to`, recorded together. */
export type Segment = readonly [from: number, to: number];

/**
 * The exact gradient of the discrete solution, its step sizes held fixed: segment by segment from the end, the steps are taken
 * again on record and swept. The gradients in time are those of the solution's dense output.
 */
export async function discretePullback(
  context: AdjointContext,
  cotangents: Cotangents,
  segments: readonly Segment[],
  stateAt: (step: number) => Leaves = (n) => context.states[n] ?? context.y0,
): Promise<Pulled> {
  const { y0, params, plan, grid, timed } = context;
  let nfe = 0;
  const field =
    (p: Tree): LeafField =>
    (t, y) => {
      nfe++;
      return context.evaluate(t, y, p);
    };
  const outputs = locate(grid, plan.times).filter(({ index }) => cotangents[index]);

  const swept = scope(() => {
    let lambda: Leaves | undefined;
    let gradient: Tree | undefined;
    let k1: Leaves | undefined;
    const timeDots: Tensor[][] = plan.times.map(() => []);
    for (const [from, to] of [...segments].reverse()) {
      plan.signal?.throwIfAborted();
      const inside = outputs.filter(({ step }) => step >= from && step < to);
      if (!lambda && inside.length === 0) continue;
      const incoming = lambda;
      const before = gradient;
      const first = stateAt(from);
      const done = scope(() => {
        const back = sweep(context, field, [from, to], inside, incoming, cotangents, first);
        return { ...back, params: before ? addTrees(before, back.params) : back.params };
      });
      done.times.forEach(({ index, scalars }) => (timeDots[index] = scalars));
      disposeTree([lambda ?? [], gradient ?? []]);
      [lambda, gradient, k1] = [done.y, done.params, done.k1];
    }
    const start = outputs.filter(({ step }) => step === -1);
    for (const { index } of start) {
      const cotangent = cotangents[index]!;
      lambda = lambda ? addAll(lambda, cotangent) : cotangent.map(copy);
    }
    // The derivative at t0: recomputed with the first step, unless there was none.
    const slope = timed && lambda && (k1 ?? field(params)(plan.t0, y0));
    if (slope) for (const { index } of start) timeDots[index] = dots(cotangents[index]!, slope);
    return {
      y0: lambda ?? y0.map(zerosLike),
      params: gradient ?? mapTree(params, zerosLike),
      t0: lambda && slope ? dots(lambda, slope) : [],
      times: timeDots,
    };
  });
  return {
    y0: swept.y0,
    params: swept.params,
    t0: 0 - (await total(swept.t0)),
    times: await Promise.all(swept.times.map(total)),
    nfe,
  };
}

/** Records a segment and sweeps it once. */
function sweep(
  { params, plan, grid, timed }: AdjointContext,
  field: (params: Tree) => LeafField,
  [from, to]: Segment,
  outputs: readonly Output[],
  lambda: Leaves | undefined,
  cotangents: Cotangents,
  start: Leaves,
): { y: Leaves; params: Tree; k1: Leaves | undefined; times: { index: number; scalars: Tensor[] }[] } {
  let replayed: Replayed | undefined;
  const stretch = { grid, from, to, t1: plan.t1, outputs, slopes: timed };
  const { pullback } = vjp(
    (x: { y: Leaves; params: Tree }): readonly Leaves[] => {
      replayed = replaySteps(plan.solver, field(x.params), x.y, stretch);
      return [...(lambda ? [replayed.final] : []), ...replayed.outputs.map(({ state }) => state)];
    },
    { y: start, params },
  );
  const { outputs: read, k1 } = replayed!;
  const back = pullback([...(lambda ? [lambda] : []), ...read.map(({ index }) => cotangents[index]!)]);
  return {
    y: back.y,
    params: back.params,
    k1: from === 0 ? k1!.map(stopGradient) : undefined,
    times: read.map(({ index, slope }) => ({ index, scalars: slope ? dots(cotangents[index]!, slope) : [] })),
  };
}

function addAll(a: Leaves, b: Leaves): Tensor[] {
  return a.map((leaf, i) => add(leaf, b[i]!));
}

function addTrees(a: Tree, b: Tree): Tree {
  const leaves = flattenTree(b);
  return mapTree(a, (leaf, i) => (leaf.dtype === 'int32' ? leaves[i]! : add(leaf, leaves[i]!)));
}
