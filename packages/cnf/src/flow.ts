import {
  add,
  affine,
  disposeTree,
  mean,
  mul,
  neg,
  randomNormal,
  scope,
  sub,
  valueAndGrad,
  ValueError,
} from '@sparseflow/tensor';
import type { CreateOptions, Key, NeuronGroup, Params, Tensor } from '@sparseflow/tensor';
import type { Stats } from '@sparseflow/ode-solvers';
import type { UnitConstants } from './field.ts';
import { standardNormalLogProb } from './normal.ts';
import type { CallOptions, FlowResult, SampleOptions, TrainingState, Transform } from './transforms/transform.ts';

export interface LossAndGrad {
  /** Mean negative log-likelihood in nats, a scalar; with regularisers, plus their mean penalty. */
  readonly loss: Tensor;
  /** Of every parameter that is trained. */
  readonly grads: Params;
  readonly stats: Stats;
  /** What the regularisers contribute to the loss, a scalar. */
  readonly penalty?: Tensor;
}

/** A loss that is a plain differentiable function of the parameters. */
export interface FrozenLoss {
  /** The mean of -log p over the batch, and penalties: a scalar; synchronous, and differentiable to any order. */
  readonly loss: (params: Params) => Tensor;
  /** Of the solve whose steps are kept. */
  readonly stats: Stats;
  /** Frees the probes; the input stays. */
  dispose(): void;
}

/** A density: pure functions of named parameters. Make one with `flow`, or with `cnf` for a single block. */
export interface Flow {
  readonly transform: Transform;
  readonly dim: number;
  init(key: Key, options: CreateOptions): Params;
  /** Data x [batch, dim] to noise, with the log determinant: for a `cnf`, ∫ tr(∂f/∂z) dt from t0 to t1. */
  forward(params: Params, x: Tensor, options?: CallOptions): Promise<FlowResult>;
  /** Noise z [batch, dim] to data; `logDet` is the negative of forward's. */
  inverse(params: Params, z: Tensor, options?: CallOptions): Promise<FlowResult>;
  /** log p(x) [batch] in nats: log N(z; 0, I) plus the log determinant (Chen et al. 2018, eq. 8). */
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
  /** Units that can be removed, and the slices of the parameters that go with them. */
  readonly neurons: readonly NeuronGroup[];
  /** At how many positions of one row each weight is used, where that is not once. */
  readonly positions?: Readonly<Record<string, number>>;
  /** The same flow with other numbers of units, by group: what is left of it after pruning. */
  resize?(sizes: Readonly<Record<string, number>>): Flow;
  constants?(params: Params, group: string): UnitConstants;
  /** Parameters that are measured and not trained: no gradient is given for them. Only flows with batch norm have any. */
  readonly statistics?: readonly string[];
  /** What the statistics are after seeing a batch, new tensors by name. */
  observe?(params: Params, x: Tensor, options?: CallOptions): Promise<Params>;
}

/**
 * The density of what a transform takes to standard normal noise.
 *
 * Every method throws {ShapeError} when its input is not [batch, dim], {ValueError} for a context that no field takes or a temperature
 * out of range, and the solver's typed errors when the state stops being finite or the step size underflows.
 *
 * @example
 * ```ts
 * import { compose, continuous, flow, hutchinson, movingBatchNorm, odeNet } from '@sparseflow/cnf';
 * import { key, randomNormal } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 *
 * const backend = createReferenceBackend();
 * const field = odeNet({ shape: 3, hidden: [8], layer: 'concatsquash', activation: 'tanh' });
 * const model = flow(compose([continuous({ field }), movingBatchNorm({ dim: 3 }), continuous({ field })]));
 * let params = model.init(key(0), { backend });
 * const x = randomNormal(key(1), [16, 3], { backend });
 * params = { ...params, ...(await model.observe!(params, x)) }; // the batch norm sees the batch
 * const { loss, grads } = await model.lossAndGrad(params, x, { divergence: hutchinson(), key: key(2) });
 * console.log(loss.shape, Object.keys(grads).length, model.statistics); // [], 20, the moving mean and variance
 * ```
 */
export function flow(transform: Transform): Flow {
  const { dim, statistics = [] } = transform;
  const noise = (count: number, { key, backend, dtype, temperature = 1 }: SampleOptions): Tensor =>
    scope(() => mul(randomNormal(key, [count, dim], { backend, ...(dtype && { dtype }) }), temperature));
  const checked = <T extends CallOptions | undefined>(call: T): T => checkContext(transform, call);

  return {
    transform,
    dim,
    init: transform.init,
    forward: async (params, x, call) => transform.forward(params, x, checked(call)),
    inverse: async (params, z, call) => transform.inverse(params, z, checked(call)),

    async logProb(params, x, call) {
      const { z, logDet } = await transform.forward(params, x, checked(call));
      return consume([z, logDet], () => add(standardNormalLogProb(z), logDet));
    },

    async lossAndGrad(params, x, call) {
      const pass = await transform.record(params, x, checked(call));
      try {
        const { value: loss, grad: cotangent } = valueAndGrad(objective)(pass.state);
        try {
          const { x: ofInput, params: all } = await pass.pullback(cotangent);
          ofInput.dispose();
          const grads: Record<string, Tensor> = { ...all };
          for (const name of statistics) {
            grads[name]!.dispose();
            delete grads[name];
          }
          const { penalty } = pass.state;
          return { loss, grads, stats: pass.stats, ...(penalty && { penalty: mean(penalty) }) };
        } catch (error) {
          loss.dispose();
          throw error;
        } finally {
          disposeTree(cotangent);
        }
      } finally {
        pass.dispose();
      }
    },

    async frozenLoss(params, x, call) {
      const { run, z, stats, dispose } = await transform.freeze(params, x, checked(call));
      z.dispose();
      return { loss: (p) => scope(() => objective(run(p, x))), stats, dispose };
    },

    async sample(params, count, call) {
      const { temperature = 1 } = checked(call);
      if (!(temperature >= 0)) throw badTemperature(temperature, 'a number from 0');
      const z = noise(count, call);
      const { z: x } = await transform.generate(params, z, call).finally(() => z.dispose());
      return x;
    },

    async sampleAndLogProb(params, count, call) {
      const { temperature = 1 } = checked(call);
      if (!(temperature > 0))
        throw badTemperature(temperature, 'a number above 0, as without noise there is no density');
      const z = noise(count, call);
      try {
        const { z: x, logDet } = await transform.inverse(params, z, call);
        // Against the noise's own density at this temperature: z / temperature is standard normal.
        const logProb = consume([logDet], () =>
          sub(affine(standardNormalLogProb(mul(z, 1 / temperature)), 1, -dim * Math.log(temperature)), logDet),
        );
        return { x, logProb };
      } finally {
        z.dispose();
      }
    },

    neurons: transform.neurons,
    ...(transform.positions && { positions: transform.positions }),
    ...(transform.resize && { resize: (sizes) => flow(transform.resize!(sizes)) }),
    ...(transform.constants && { constants: transform.constants }),
    ...(transform.observe && {
      statistics,
      observe: async (params, x, call) => transform.observe!(params, x, checked(call)),
    }),
  };
}

/**
 * A call whose context is read, if it has one: ignored, it would give densities that are conditioned on nothing.
 * @throws {ValueError} where no field takes it
 */
export function checkContext<T extends CallOptions | undefined>({ context }: Pick<Transform, 'context'>, call: T): T {
  if (call?.context && context === undefined)
    throw new ValueError('flow', 'no field takes a context', 'make the nets with `context: width`, or give none');
  return call;
}

function badTemperature(temperature: number, remedy: string): ValueError {
  return new ValueError('flow', `temperature is ${temperature}`, `give ${remedy}`);
}

function objective({ z, logDet, penalty }: TrainingState): Tensor {
  const nll = neg(mean(add(standardNormalLogProb(z), logDet)));
  return penalty ? add(nll, mean(penalty)) : nll;
}

/** Computes a result from tensors that end with it. */
function consume<T>(inputs: readonly Tensor[], compute: () => T): T {
  try {
    return scope(compute);
  } finally {
    disposeTree(inputs);
  }
}
