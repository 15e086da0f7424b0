import { disposeTree, keep, scope, ValueError } from '@sparseflow/tensor';
import { check, oneOf } from '../check.ts';
import { replaySteps } from '../replay.ts';
import type { LeafField, Leaves } from '../rungeKutta.ts';
import type { Adjoint, AdjointContext } from './adjoint.ts';
import { discretePullback } from './discrete.ts';

export interface CheckpointOptions {
  /**
   * `steps` (default): the forward solve keeps the state at the start of each accepted step. `sqrt`: it keeps nothing; the
   * backward pass takes the n accepted steps again, keeps about √n of their states and from these the about √n states between
   * two of them: three times the evaluations for √n of the memory (Griewank 1992, with one level).
   */
  readonly memory?: 'steps' | 'sqrt' | undefined;
}

/**
 * The default: the exact gradient of the discrete solution, its step sizes held fixed. The forward solve keeps the state at
 * the start of each accepted step; the backward pass takes one step at a time again, on record, and sweeps it. Memory: the
 * kept states and the recording of one step. Evaluations: as many as the accepted steps took, with rejected ones left out.
 */
export function checkpoint(options: CheckpointOptions = {}): Adjoint {
  const refuse = (what: string, remedy: string): Error => new ValueError('checkpoint', what, remedy);
  const { memory } = check<CheckpointOptions>(options, { memory: oneOf('steps', 'sqrt') }, refuse);
  return {
    name: memory === 'sqrt' ? 'checkpoint, √n memory' : 'checkpoint',
    keeps: memory === 'sqrt' ? 'nothing' : 'states',
    async pullback(context, cotangents) {
      const segments = context.grid.map((_, n) => [n, n + 1] as const);
      if (memory === 'steps') return discretePullback(context, cotangents, segments);
      const source = recompute(context);
      try {
        const pulled = await discretePullback(context, cotangents, segments, source.state);
        return { ...pulled, nfe: pulled.nfe + source.nfe() };
      } finally {
        source.dispose();
      }
    },
  };
}

/** States at the starts of steps, asked for from the last to the first, with about 2 √n of them in memory at a time. */
function recompute({ evaluate, y0, params, plan, grid }: AdjointContext): {
  state: (n: number) => Leaves;
  nfe: () => number;
  dispose: () => void;
} {
  let nfe = 0;
  const field: LeafField = (t, y) => {
    nfe++;
    return evaluate(t, y, params);
  };
  const stride = Math.max(1, Math.ceil(Math.sqrt(grid.length)));
  const kept = new Map<number, Leaves>([[0, y0]]);
  let block = new Map<number, Leaves>();
  const step = (n: number, y: Leaves): Leaves => {
    plan.signal?.throwIfAborted();
    const stretch = { grid, from: n, to: n + 1, t1: plan.t1, outputs: [], slopes: false };
    const final = scope(() => replaySteps(plan.solver, field, y, stretch).final);
    // Out of the sweep's scope: it lives until its block is done with.
    return final.map(keep);
  };
  const clear = (): void => {
    for (const leaves of block.values()) disposeTree(leaves);
    block = new Map();
  };
  let passing: Leaves = [];
  const sweepOnce = (): void => {
    let y = y0;
    for (let n = 0; n < Math.floor((grid.length - 1) / stride) * stride; n++) {
      const next = step(n, y);
      disposeTree(passing);
      const stays = (n + 1) % stride === 0;
      if (stays) kept.set(n + 1, next);
      passing = stays ? [] : next;
      y = next;
    }
  };
  return {
    state(n) {
      if (kept.size === 1 && n >= stride) sweepOnce();
      const start = Math.floor(n / stride) * stride;
      if (n === start) return kept.get(n)!;
      if (!block.has(n)) {
        clear();
        let y = kept.get(start)!;
        for (let m = start; m < n; m++) {
          y = step(m, y);
          block.set(m + 1, y);
        }
      }
      return block.get(n)!;
    },
    nfe: () => nfe,
    dispose() {
      clear();
      disposeTree(passing);
      kept.delete(0);
      for (const leaves of kept.values()) disposeTree(leaves);
      kept.clear();
    },
  };
}
