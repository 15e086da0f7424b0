import {
  add,
  affine,
  disposeTree,
  mean,
  mul,
  neg,
  randomNormal,
  scope,
  ShapeError,
  sub,
  valueAndGrad,
  zeros,
} from '@sparseflow/tensor';
import type { CreateOptions, FloatDType, Key, Params, Tensor } from '@sparseflow/tensor';
import { checkpoint, dopri5, replay, solve, solveVjp } from '@sparseflow/ode-solvers';
import type { Adjoint, SolveOptions, Solver, Stats } from '@sparseflow/ode-solvers';
import { contract, type Divergence } from './divergence/divergence.ts';
import { exact } from './divergence/exact.ts';
import { dualPass, type Field } from './field.ts';
import { standardNormalLogProb } from './normal.ts';

/** Sample positions [batch, dim] and the accumulated ∫ tr(∂f/∂z) dt [batch]. */
export type FlowState = { readonly z: Tensor; readonly logDet: Tensor };

export interface CnfOptions {
  readonly field: Field;
  /** Default exact. Also settable per call, for example Hutchinson in training and exact in testing. */
  readonly divergence?: Divergence;
  /** Default dopri5. */
  readonly solver?: Solver;
  /** Relative and absolute tolerance of an adaptive solver. Default 1e-5, the paper's. */
  readonly rtol?: number;
  readonly atol?: number;
  /** Number of equal steps of a fixed-step solver. */
  readonly steps?: number;
  /** How gradients pass through the solve. Default checkpoint: the exact gradient of the discrete solution. */
  readonly adjoint?: Adjoint;
  /** Data lives at t0 (default 0), noise at t1 (default 1). */
  readonly t0?: number;
  readonly t1?: number;
}

/** What one call may set. */
export interface CallOptions {
  /** Randomness of a stochastic divergence. */
  readonly key?: Key;
  readonly divergence?: Divergence;
  readonly signal?: AbortSignal;
}

export interface SampleOptions extends CallOptions {
  readonly key: Key;
  readonly backend: CreateOptions['backend'];
  readonly dtype?: FloatDType;
  /** Standard deviation of the noise that is transported. Default 1. */
  readonly temperature?: number;
}

/** Where a flow takes its input, with the change of log density and the solver's statistics. */
export interface FlowResult extends FlowState {
  readonly stats: Stats;
}

export interface LossAndGrad {
  /** Mean negative log-likelihood in nats, a scalar. */
  readonly loss: Tensor;
  readonly grads: Params;
  readonly stats: Stats;
}

/** A loss that is a plain differentiable function of the parameters. */
export interface FrozenLoss {
  /** The mean of -log p over the batch, a scalar; synchronous, and differentiable to any order. */
  readonly loss: (params: Params) => Tensor;
  /** Of the solve whose steps are kept. */
  readonly stats: Stats;
  /** Frees the probes; the input stays. */
  dispose(): void;
}

/** A continuous normalizing flow: pure functions of named parameters. Make one with `cnf`. */
export interface Cnf {
  readonly field: Field;
  init(key: Key, options: CreateOptions): Params;
  /** Data x [batch, dim] to noise, with ∫ tr(∂f/∂z) dt from t0 to t1. */
  forward(params: Params, x: Tensor, options?: CallOptions): Promise<FlowResult>;
  /** Noise z [batch, dim] to data; `logDet` is the integral from t1 to t0, so the negative of forward's. */
  inverse(params: Params, z: Tensor, options?: CallOptions): Promise<FlowResult>;
  /** log p(x) [batch] in nats: log N(z(t1); 0, I) + ∫ tr(∂f/∂z) dt (Chen et al. 2018, eq. 8). */
  logProb(params: Params, x: Tensor, options?: CallOptions): Promise<Tensor>;
  /** The mean of -log p over a batch, with the gradient in every parameter. */
  lossAndGrad(params: Params, x: Tensor, options?: CallOptions): Promise<LossAndGrad>;
  /**
   * The loss of `lossAndGrad` with the probes, and the steps that the solver takes at these parameters, held fixed. Its first
   * derivative there is the gradient by `checkpoint`; its second is what a Hessian is made of. The input must stay alive.
   */
  frozenLoss(params: Params, x: Tensor, options?: CallOptions): Promise<FrozenLoss>;
  /** Samples [count, dim]. */
  sample(params: Params, count: number, options: SampleOptions): Promise<Tensor>;
  /** Samples with the log density of what was sampled (at this temperature), in one solve. */
  sampleAndLogProb(params: Params, count: number, options: SampleOptions): Promise<{ x: Tensor; logProb: Tensor }>;
  /** Positions at `times` (monotone, within [t0, t1]) of samples that start as data at the first, or as noise when times fall. */
  trajectory(
    params: Params,
    z: Tensor,
    times: readonly number[],
    options?: { signal?: AbortSignal },
  ): Promise<readonly Tensor[]>;
}

/**
 * A continuous normalizing flow (FFJORD; Grathwohl et al. 2019): dz/dt = f(t, z) carries data at t0 to standard normal noise at
 * t1, and the log density changes by the integral of f's divergence.
 *
 * Every method throws {ShapeError} when its input is not [batch, dim], and the solver's typed errors when the state stops being
 * finite or the step size underflows.
 *
 * @example
 * ```ts
 * import { cnf, hutchinson, mlp } from '@sparseflow/cnf';
 * import { key, tensor } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 *
 * const backend = createReferenceBackend();
 * const flow = cnf({ field: mlp({ dim: 2, hidden: [16], activation: 'tanh' }) });
 * const params = flow.init(key(0), { backend });
 * const x = tensor([[0.5, -1], [1, 2]], { backend });
 *
 * const logProb = await flow.logProb(params, x); // exact trace
 * const { loss, grads } = await flow.lossAndGrad(params, x, { divergence: hutchinson(), key: key(1) });
 * const samples = await flow.sample(params, 100, { key: key(2), backend });
 * console.log(logProb.shape, loss.shape, Object.keys(grads).length, samples.shape);
 * ```
 */
export function cnf(options: CnfOptions): Cnf {
  const { field, t0 = 0, t1 = 1, rtol = 1e-5, atol = 1e-5, solver = dopri5, adjoint = checkpoint() } = options;
  const solveOptions = (from: number, to: number, call: CallOptions | undefined): SolveOptions => ({
    t0: from,
    t1: to,
    solver,
    rtol,
    atol,
    ...(options.steps !== undefined && { steps: options.steps }),
    ...(call?.signal && { signal: call.signal }),
  });

  /** The state to start from and the dynamics, with this call's probes; `dispose` frees both. */
  const prepare = (z: Tensor, call: CallOptions | undefined) => {
    checkInput(z, field.dim);
    const divergence = call?.divergence ?? options.divergence ?? exact();
    const probes = divergence.probes(z.shape[0]!, field.dim, call?.key, z);
    const start: FlowState = { z, logDet: zeros([z.shape[0]!], z) };
    const dynamics = (t: number, state: FlowState, params: Params): FlowState => {
      const dual = dualPass(field, params, t, state.z, probes);
      return { z: dual.value, logDet: contract(divergence, probes, dual) };
    };
    const dispose = (): void => {
      probes.dispose();
      start.logDet.dispose();
    };
    return { start, dynamics, dispose };
  };

  const transport = async (
    params: Params,
    z: Tensor,
    from: number,
    to: number,
    call?: CallOptions,
  ): Promise<FlowResult> => {
    const { start, dynamics, dispose } = prepare(z, call);
    try {
      const { y1, stats } = await solve(dynamics, start, params, solveOptions(from, to, call));
      return { ...y1, stats };
    } finally {
      dispose();
    }
  };

  const noise = (count: number, { key, backend, dtype, temperature = 1 }: SampleOptions): Tensor =>
    scope(() => mul(randomNormal(key, [count, field.dim], { backend, ...(dtype && { dtype }) }), temperature));

  return {
    field,
    init: field.init,
    forward: (params, x, call) => transport(params, x, t0, t1, call),
    inverse: (params, z, call) => transport(params, z, t1, t0, call),

    async logProb(params, x, call) {
      const { z, logDet } = await transport(params, x, t0, t1, call);
      return consume([z, logDet], () => add(standardNormalLogProb(z), logDet));
    },

    async lossAndGrad(params, x, call) {
      const { start, dynamics, dispose } = prepare(x, call);
      try {
        const pass = await solveVjp(dynamics, start, params, { ...solveOptions(t0, t1, call), adjoint });
        try {
          const { value: loss, grad: cotangent } = valueAndGrad(negativeLogLikelihood)(pass.solution.y1);
          const { y0, params: grads } = await pass.pullback(cotangent).finally(() => disposeTree(cotangent));
          disposeTree(y0);
          return { loss, grads, stats: pass.solution.stats };
        } finally {
          pass.dispose();
          pass.solution.dispose();
        }
      } finally {
        dispose();
      }
    },

    async frozenLoss(params, x, call) {
      const { start, dynamics, dispose } = prepare(x, call);
      try {
        const { y1, grid, stats } = await solve(dynamics, start, params, solveOptions(t0, t1, call));
        disposeTree(y1);
        const loss = (p: Params): Tensor =>
          scope(() => negativeLogLikelihood(replay(dynamics, start, p, grid, { solver })));
        return { loss, stats, dispose };
      } catch (error) {
        dispose();
        throw error;
      }
    },

    async sample(params, count, call) {
      const z = noise(count, call);
      const dynamics = (t: number, y: Tensor, p: Params): Tensor => field.apply(p, t, y);
      const { y1 } = await solve(dynamics, z, params, solveOptions(t1, t0, call)).finally(() => z.dispose());
      return y1;
    },

    async sampleAndLogProb(params, count, call) {
      const z = noise(count, call);
      try {
        const { z: x, logDet } = await transport(params, z, t1, t0, call);
        // Against the noise's own density at this temperature: z / temperature is standard normal.
        const { temperature = 1 } = call;
        const logProb = consume([logDet], () =>
          sub(affine(standardNormalLogProb(mul(z, 1 / temperature)), 1, -field.dim * Math.log(temperature)), logDet),
        );
        return { x, logProb };
      } finally {
        z.dispose();
      }
    },

    async trajectory(params, z, times, call) {
      checkInput(z, field.dim);
      const dynamics = (t: number, y: Tensor, p: Params): Tensor => field.apply(p, t, y);
      const { y1, ys } = await solve(dynamics, z, params, {
        ...solveOptions(times[0] ?? t0, times.at(-1) ?? t1, call),
        saveAt: times,
      });
      y1.dispose();
      return ys;
    },
  };
}

function negativeLogLikelihood({ z, logDet }: FlowState): Tensor {
  return neg(mean(add(standardNormalLogProb(z), logDet)));
}

/** Computes a result from tensors that end with it. */
function consume<T>(inputs: readonly Tensor[], compute: () => T): T {
  try {
    return scope(compute);
  } finally {
    disposeTree(inputs);
  }
}

function checkInput(z: Tensor, dim: number): void {
  if (z.rank !== 2 || z.shape[1] !== dim) {
    throw new ShapeError(
      'cnf',
      `the input has shape [${z.shape}]`,
      `give [batch, ${dim}], as the field has dimension ${dim}`,
    );
  }
}
