import { cnf, hutchinson, mlp, type Cnf } from '@sparseflow/cnf';
import { batches, gaussians, gaussiansSpiral, type Dataset } from '@sparseflow/datasets';
import { backsolve } from '@sparseflow/ode-solvers';
import { adamW, type OptimizerState } from '@sparseflow/optim';
import {
  disposeTree,
  key,
  scope,
  tensor,
  type Backend,
  type Key,
  type Masks,
  type Params,
  type Tensor,
} from '@sparseflow/tensor';

/** A study's network and training, as in the paper: sigmoid, dopri5 at 1e-5, adjoint, AdamW, batches of 1024. */
export interface StepStudy {
  readonly name: string;
  readonly hidden: readonly number[];
  readonly learningRate: number;
  readonly weightDecay: number;
  data(key: Key): Dataset;
}

export const BATCH = 1024;
export const TOLERANCE = 1e-5;

export const STUDIES: readonly StepStudy[] = [
  {
    name: 'gaussians',
    hidden: [128],
    learningRate: 5e-3,
    weightDecay: 1e-5,
    data: (k) => gaussians(k, { trainPerMode: 200 }),
  },
  {
    name: 'gaussians-spiral',
    hidden: [64, 64, 64],
    learningRate: 5e-2,
    weightDecay: 1e-2,
    data: (k) => gaussiansSpiral(k, { trainPerMode: 120 }),
  },
];

export function flowOf({ hidden }: StepStudy): Cnf {
  return cnf({
    field: mlp({ dim: 2, hidden, activation: 'sigmoid' }),
    rtol: TOLERANCE,
    atol: TOLERANCE,
    adjoint: backsolve({ seminorm: true }),
  });
}

/** The first batch of a study: every step of every implementation is on it. */
export function batchOf(study: StepStudy): Float32Array {
  const [batch] = batches(study.data(key(0)).train, { key: key(3), batchSize: BATCH });
  return Float32Array.from(batch!.points);
}

/** A study in training. */
export interface Trainer {
  readonly params: Params;
  /** One whole optimiser step; the evaluations that it took. */
  step(): Promise<readonly [forward: number, backward: number]>;
  dispose(): void;
}

/**
 * Starts training. With `still`, a step computes everything and forgets the result, so that all steps do the same work.
 *
 * @param prepare makes other parameters of the first ones, for example sparse ones, and disposes these
 */
export function trainer(
  study: StepStudy,
  backend: Backend,
  { still = true, masks, prepare }: { still?: boolean; masks?: Masks; prepare?: (params: Params) => Params } = {},
): Trainer {
  const flow = flowOf(study);
  const optimizer = adamW({ learningRate: study.learningRate, weightDecay: study.weightDecay });
  const divergence = hutchinson({ noise: 'gaussian' });
  const x: Tensor = tensor(batchOf(study), { backend, shape: [BATCH, 2] });
  const first = flow.init(key(1), { backend });
  let params = prepare ? prepare(first) : first;
  let state = optimizer.init(params);
  return {
    get params() {
      return params;
    },
    async step() {
      const { loss, grads, stats } = await flow.lossAndGrad(params, x, { divergence, key: key(2) });
      if (!Number.isFinite((await loss.data())[0]!)) throw new Error(`${study.name}: the loss is not finite`);
      const next = scope(() => optimizer.update(grads, state, params, { masks }));
      disposeTree({ loss, grads });
      if (still) disposeTree(tensorsOf(next));
      else {
        disposeTree(tensorsOf({ params, state }));
        ({ params, state } = next);
      }
      return [stats.nfe, stats.nfeBackward];
    },
    dispose: () => disposeTree([...tensorsOf({ params, state }), x]),
  };
}

function tensorsOf({ params, state }: { params: Params; state: OptimizerState }): Tensor[] {
  const { mean, variance } = state as { mean: Params; variance: Params };
  return [params, mean, variance].flatMap((record) => Object.values(record));
}
