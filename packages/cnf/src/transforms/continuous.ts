import {
  add,
  affine,
  disposeTree,
  mul,
  reshape,
  scaleRows,
  ShapeError,
  square,
  sum,
  tensor,
  ValueError,
  zeros,
  zerosLike,
} from '@sparseflow/tensor';
import type { Params, Tensor } from '@sparseflow/tensor';
import { checkpoint, dopri5, replay, solve, solveVjp } from '@sparseflow/ode-solvers';
import type { Adjoint, SolveOptions, Solver, VectorField } from '@sparseflow/ode-solvers';
import { contract, type Divergence } from '../divergence/divergence.ts';
import { exact } from '../divergence/exact.ts';
import { dualPass, type Dual, type Field, type Time } from '../field.ts';
import type { Regulariser } from '../regularisers/regulariser.ts';
import type { CallOptions, FlowResult, FlowState, Transform, TrainingState } from './transform.ts';
import { wholeSteps } from './wholeSteps.ts';

export interface ContinuousOptions {
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
  /**
   * Train the end time: T = `sqrtEndTime`², beginning at t1 - t0 (FFJORD's `train_T`). The solver's time then runs from 0 to 1. The field
   * gets its time as a tensor.
   */
  readonly trainTime?: boolean;
  /** Added to the training loss. */
  readonly regularisers?: readonly Regulariser[];
}

/** A transform by an ordinary differential equation. */
export interface Continuous extends Transform {
  readonly field: Field;
  /** Positions at `times` of `z`, which is where the first of them is; they may fall. */
  trajectory(
    params: Params,
    z: Tensor,
    times: readonly number[],
    call?: Pick<CallOptions, 'signal' | 'context'>,
  ): Promise<readonly Tensor[]>;
}

/**
 * The flow of dz/dt = f(t, z) from t0 to t1 as a transform (Chen et al. 2018; FFJORD, Grathwohl et al. 2019): the log density gains the
 * integral of f's divergence. One block of a flow; `cnf` is the density with a single one.
 *
 * @example
 * ```ts
 * import { continuous, odeNet } from '@sparseflow/cnf';
 * import { key, tensor } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 *
 * const backend = createReferenceBackend();
 * const field = odeNet({ shape: 2, hidden: [16], layer: 'concatsquash', activation: 'tanh' });
 * const block = continuous({ field, trainTime: true });
 * const params = block.init(key(0), { backend });
 * const { z, logDet } = await block.forward(params, tensor([[0.5, -1]], { backend }));
 * console.log(z.shape, logDet.shape, params['sqrtEndTime']!.dataSync()); // [1, 2], [1], [1]
 * ```
 */
export function continuous(options: ContinuousOptions): Continuous {
  const { field, rtol = 1e-5, atol = 1e-5, adjoint = checkpoint(), trainTime = false, regularisers = [] } = options;
  const span = (options.t1 ?? 1) - (options.t0 ?? 0);
  const [start, end] = trainTime ? [0, 1] : [options.t0 ?? 0, options.t1 ?? 1];
  if (trainTime && !(span > 0)) {
    throw new ValueError('continuous', `a time from ${options.t0} to ${options.t1} to train`, 'let t1 be after t0');
  }

  const solveOptions = (from: number, to: number, call: CallOptions = {}): SolveOptions => {
    const steps = call.steps ?? (call.solver ? undefined : options.steps);
    return {
      t0: from,
      t1: to,
      solver: call.solver ?? options.solver ?? dopri5,
      rtol: call.rtol ?? rtol,
      atol: call.atol ?? atol,
      ...(steps !== undefined && { steps }),
      ...(call.signal && { signal: call.signal }),
    };
  };

  /** The field's own time, and how fast it passes. */
  const clock = (params: Params, s: number): { t: Time; speed: Tensor | undefined } => {
    if (!trainTime) return { t: s, speed: undefined };
    const speed = reshape(square(params['sqrtEndTime']!), []);
    return { t: affine(speed, s, options.t0 ?? 0), speed };
  };
  const paced = (rate: Tensor, speed: Tensor | undefined): Tensor => (speed ? mul(rate, speed) : rate);
  const positions =
    (context: Tensor | undefined) =>
    (s: number, z: Tensor, params: Params): Tensor => {
      const { t, speed } = clock(params, s);
      return paced(field.apply(params, t, z, context), speed);
    };

  /** The state to start from and the dynamics, with this call's probes; `dispose` frees both. */
  const prepare = (z: Tensor, call: CallOptions | undefined, penalised: boolean) => {
    checkInput(z, field.dim);
    const context = call?.context;
    const divergence = call?.divergence ?? options.divergence ?? exact();
    const batch = z.shape[0]!;
    const closed = divergence.name === 'exact' && (!penalised || regularisers.every(({ valueOnly }) => valueOnly));
    const withTrace = closed && !context ? field.withTrace : undefined;
    const probes = withTrace
      ? zeros([0, batch, field.dim], z)
      : divergence.probes(batch, field.probeDim ?? field.dim, call?.key, z);
    /** f, its tangents (none where the trace has a closed form), and the divergence. */
    const evaluate = (params: Params, t: Time, at: Tensor): Dual & { readonly trace: Tensor } => {
      if (withTrace) return { ...withTrace(params, t, at), tangent: probes };
      const dual = dualPass(field, params, t, at, probes, context);
      return { ...dual, trace: contract(divergence, probes, dual) };
    };
    const nothing = zeros([batch], z);
    const begin = (at: Tensor): TrainingState => ({ z: at, logDet: nothing, ...(penalised && { penalty: nothing }) });
    const dynamics = (s: number, state: TrainingState, params: Params): TrainingState => {
      const { t, speed } = clock(params, s);
      const dual = evaluate(params, t, state.z);
      const rate = { z: paced(dual.value, speed), logDet: paced(dual.trace, speed) };
      if (!penalised) return rate;
      const at = { field, params, t, z: state.z, context, divergence, probes, dual };
      const penalty = regularisers
        .map((regulariser) => mul(regulariser.rate(at), regulariser.weight))
        .reduce((sum, term) => add(sum, term));
      return { ...rate, penalty: paced(penalty, speed) };
    };
    const { dualVjp } = field;
    // The field's own way, where nothing but the field takes part.
    const vjp: VectorField<TrainingState>['vjp'] =
      dualVjp && !context && !penalised
        ? (s, { z: at, logDet }, params, ct) => {
            const { t, speed } = clock(params, s);
            const tangent = scaleRows(probes, paced(ct.logDet, speed), divergence.weight);
            const dual = dualVjp(params, t, at, probes, { value: paced(ct.z, speed), tangent });
            const rate = { z: dual.value, logDet: contract(divergence, probes, dual) };
            const { z, t: ofTime, params: known } = dual.cotangents;
            const own = speed ? { ...known, sqrtEndTime: ofEndTime(params, s, rate, ct, ofTime) } : known;
            return {
              value: { z: paced(rate.z, speed), logDet: paced(rate.logDet, speed) },
              y: { z, logDet: zerosLike(logDet) },
              params: Object.fromEntries(
                Object.entries(params).map(([name, leaf]) => [name, own[name] ?? zerosLike(leaf)]),
              ),
            };
          }
        : undefined;
    const alone = !context && !penalised && !trainTime && !withTrace;
    const steps = alone ? wholeSteps(field, divergence, probes) : {};
    const dispose = (): void => disposeTree([probes, nothing]);
    return { begin, dynamics: Object.assign(dynamics, { vjp, ...steps }), dispose };
  };

  const transport = async (
    params: Params,
    z: Tensor,
    [from, to]: readonly [number, number],
    call: CallOptions | undefined,
  ): Promise<FlowResult> => {
    const { begin, dynamics, dispose } = prepare(z, call, false);
    try {
      const { y1, stats } = await solve(dynamics, begin(z), params, solveOptions(from, to, call));
      return { z: y1.z, logDet: y1.logDet, stats };
    } finally {
      dispose();
    }
  };
  const penalised = regularisers.length > 0;

  return {
    field,
    dim: field.dim,
    ...(field.context !== undefined && { context: field.context }),
    neurons: field.neurons,
    ...(field.positions && { positions: field.positions }),
    init: (key, create) => ({
      ...field.init(key, create),
      ...(trainTime && { sqrtEndTime: tensor([Math.sqrt(span)], create) }),
    }),
    forward: (params, x, call) => transport(params, x, [start, end], call),
    inverse: (params, z, call) => transport(params, z, [end, start], call),

    async generate(params, z, call) {
      checkInput(z, field.dim);
      const { y1, stats } = await solve(positions(call?.context), z, params, solveOptions(end, start, call));
      return { z: y1, stats };
    },

    async record(params, x, call) {
      const { begin, dynamics, dispose } = prepare(x, call, penalised);
      try {
        const settings = { ...solveOptions(start, end, call), adjoint, timeGradients: false };
        const pass = await solveVjp(dynamics, begin(x), params, settings);
        return {
          state: pass.solution.y1,
          stats: pass.solution.stats,
          async pullback(cotangent) {
            const { y0, params: grads } = await pass.pullback(cotangent);
            const { z, ...others } = y0;
            disposeTree(others);
            return { x: z, params: grads };
          },
          dispose() {
            pass.dispose();
            pass.solution.dispose();
            dispose();
          },
        };
      } catch (error) {
        dispose();
        throw error;
      }
    },

    async freeze(params, x, call) {
      const { begin, dynamics, dispose } = prepare(x, call, penalised);
      try {
        const settings = solveOptions(start, end, call);
        const { y1, grid, stats } = await solve(dynamics, begin(x), params, settings);
        const { z, ...others } = y1;
        disposeTree(others);
        const { solver } = settings;
        return { run: (p, at) => replay(dynamics, begin(at), p, grid, { solver }), z, stats, dispose };
      } catch (error) {
        dispose();
        throw error;
      }
    },

    ...(field.resize && { resize: (sizes) => continuous({ ...options, field: field.resize!(sizes) }) }),
    ...(field.constants && { constants: (params, group) => field.constants!(params, group) }),

    async trajectory(params, z, times, call = {}) {
      checkInput(z, field.dim);
      const { y1, ys } = await solve(positions(call.context), z, params, {
        ...solveOptions(times[0] ?? start, times.at(-1) ?? end, call),
        saveAt: times,
      });
      y1.dispose();
      return ys;
    },
  };
}

/** The cotangent of √T at solver time s, where the field's own time is s T and its rate passes T times as fast. */
function ofEndTime(
  params: Params,
  s: number,
  rate: FlowState,
  cotangent: TrainingState,
  ofTime: Tensor | undefined,
): Tensor {
  const ofPace = add(sum(mul(rate.z, cotangent.z)), sum(mul(rate.logDet, cotangent.logDet)));
  const ofSpeed = ofTime ? add(ofPace, mul(ofTime, s)) : ofPace;
  return mul(params['sqrtEndTime']!, mul(ofSpeed, 2));
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
