import {
  add,
  concat,
  disposeTree,
  gather,
  logSoftmax,
  matMul,
  mean,
  neg,
  reshape,
  scope,
  ShapeError,
  sizeOf,
  slice,
  splitKey,
  tensor,
  uniform,
  valueAndGrad,
  ValueError,
  zeros,
} from '@sparseflow/tensor';
import type { CreateOptions, Key, NeuronGroup, Params, Tensor } from '@sparseflow/tensor';
import { checkpoint, dopri5, replay, solve, solveVjp } from '@sparseflow/ode-solvers';
import type { SolveOptions } from '@sparseflow/ode-solvers';
import type { FrozenLoss, LossAndGrad } from './flow.ts';
import type { ContinuousOptions } from './transforms/continuous.ts';
import type { Field } from './field.ts';

/** `linear`: a trained affine map of the final state. `state`: the first coordinates of the final state are the logits themselves. */
export type Readout = 'linear' | 'state';

export interface NeuralOdeOptions extends Pick<
  ContinuousOptions,
  'solver' | 'rtol' | 'atol' | 'steps' | 'adjoint' | 't0' | 't1'
> {
  /** Its dimension is that of the input plus `augment`. */
  readonly field: Field;
  readonly classes: number;
  /** Zeros that are appended to the input (Dupont et al. 2019), so that trajectories can pass each other. Default 0. */
  readonly augment?: number;
  /** Default linear. */
  readonly readout?: Readout;
}

/** What one call may set. */
export interface NeuralOdeCall {
  readonly signal?: AbortSignal;
}

/** A classifier by a neural ordinary differential equation: pure functions of named parameters. Make one with `neuralOde`. */
export interface NeuralOde {
  readonly field: Field;
  readonly classes: number;
  /** Coordinates of an input. */
  readonly inputDim: number;
  readonly readout: Readout;
  /** Units that can be removed: the field's. The read-out reads the state, which stays whole. */
  readonly neurons: readonly NeuronGroup[];
  /** The field's parameters, and for a linear read-out `readout.weight` [classes, dim] and `readout.bias` [classes]. */
  init(key: Key, options: CreateOptions): Params;
  /** Logits [batch, classes] of x [batch, inputDim]. */
  logits(params: Params, x: Tensor, call?: NeuralOdeCall): Promise<Tensor>;
  /** The class with the highest logit for each row, the first of equals. */
  predict(params: Params, x: Tensor, call?: NeuralOdeCall): Promise<Int32Array>;
  /** Share of the rows whose predicted class is their label. */
  accuracy(params: Params, x: Tensor, labels: Tensor, call?: NeuralOdeCall): Promise<number>;
  /** The mean of -log p(label | x) in nats over a batch, labels int32 [batch], with the gradient in every parameter. */
  lossAndGrad(params: Params, x: Tensor, labels: Tensor, call?: NeuralOdeCall): Promise<LossAndGrad>;
  /**
   * The loss of `lossAndGrad` with the steps that the solver takes at these parameters held fixed: differentiable to any order, which
   * curvature needs. The input must stay alive.
   */
  frozenLoss(params: Params, x: Tensor, labels: Tensor, call?: NeuralOdeCall): Promise<FrozenLoss>;
  /** States [batch, inputDim + augment] at `times`, monotone and within [t0, t1], of inputs that enter at the first. */
  trajectory(params: Params, x: Tensor, times: readonly number[], call?: NeuralOdeCall): Promise<readonly Tensor[]>;
  /** The same classifier with other numbers of units, by group, where the field has a `resize`. */
  resize?(sizes: Readonly<Record<string, number>>): NeuralOde;
  constants?: NonNullable<Field['constants']>;
}

/**
 * A neural ODE classifier (Chen et al. 2018): the input is the state at t0, dz/dt = f(t, z) carries it to t1, and the logits are
 * read from where it ends. The loss is softmax cross-entropy.
 *
 * Every method throws {ShapeError} when its input is not [batch, inputDim] or labels are not one per row, {ValueError} for labels that
 * are no class, and the solver's typed errors when the state stops being finite or the step size underflows.
 *
 * @throws {ValueError} for fewer than 2 classes, an augmentation that leaves no input, or logits that the state cannot hold
 *
 * @example
 * ```ts
 * import { mlp, neuralOde } from '@sparseflow/cnf';
 * import { key, tensor } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 *
 * const backend = createReferenceBackend();
 * const field = mlp({ dim: 3, hidden: [16], activation: 'tanh' });
 * const model = neuralOde({ field, classes: 2, augment: 1 });
 * const params = model.init(key(0), { backend });
 * const x = tensor([[0.5, -1], [1, 2]], { backend });
 * const labels = tensor([0, 1], { backend, dtype: 'int32' });
 *
 * const { loss, grads } = await model.lossAndGrad(params, x, labels);
 * console.log(loss.shape, Object.keys(grads).length); // [], 6
 * console.log((await model.logits(params, x)).shape); // [2, 2]
 * console.log(await model.predict(params, x), await model.accuracy(params, x, labels));
 * ```
 */
export function neuralOde(options: NeuralOdeOptions): NeuralOde {
  const { field, classes, augment = 0, readout = 'linear' } = options;
  const { t0 = 0, t1 = 1, rtol = 1e-5, atol = 1e-5, solver = dopri5, adjoint = checkpoint() } = options;
  const inputDim = field.dim - augment;
  checkOptions(options, inputDim);
  const solveOptions = (call: NeuralOdeCall | undefined): SolveOptions => ({
    t0,
    t1,
    solver,
    rtol,
    atol,
    ...(options.steps !== undefined && { steps: options.steps }),
    ...(call?.signal && { signal: call.signal }),
  });
  const dynamics = (t: number, z: Tensor, params: Params): Tensor => field.apply(params, t, z);

  /** The state to start from, the caller's to dispose: always a tensor of its own. */
  const enter = (x: Tensor): Tensor => {
    if (x.rank !== 2 || x.shape[1] !== inputDim) {
      const remedy = `give [batch, ${inputDim}], the field's dimension ${field.dim} less ${augment} of augmentation`;
      throw new ShapeError('neuralOde', `the input has shape [${x.shape}]`, remedy);
    }
    return scope(() => concat([x, zeros([x.shape[0]!, augment], x)], 1));
  };

  const logits = async (params: Params, x: Tensor, call?: NeuralOdeCall): Promise<Tensor> => {
    const start = enter(x);
    return freeing([start], async (held) => {
      const { y1 } = await solve(dynamics, start, params, solveOptions(call));
      const result = scope(() => read(params, y1));
      // A state that is all logits is read out as it is.
      if (result !== y1) held.push(y1);
      return result;
    });
  };

  const read = (params: Params, z: Tensor): Tensor =>
    readout === 'linear'
      ? add(matMul(z, params[readoutWeight]!, { transposeB: true }), params[readoutBias]!)
      : slice(z, [0, 0], [-1, classes]);

  const predict = async (params: Params, x: Tensor, call?: NeuralOdeCall): Promise<Int32Array> => {
    const values = await logits(params, x, call);
    return freeing([values], async () => argmaxRows(await values.data(), classes));
  };

  return {
    field,
    classes,
    inputDim,
    readout,
    neurons: field.neurons,

    init(key, create) {
      if (readout === 'state') return field.init(key, create);
      const [fieldKey, weightKey, biasKey] = splitKey(key, 3);
      // As PyTorch's Linear: uniform within ±1/√in.
      const bound = 1 / Math.sqrt(field.dim);
      const draw = (k: Key, shape: readonly number[]): Tensor => {
        const values = uniform(k, sizeOf(shape)).map((u) => (2 * u - 1) * bound);
        return tensor(values, { ...create, shape });
      };
      return {
        ...field.init(fieldKey!, create),
        [readoutWeight]: draw(weightKey!, [classes, field.dim]),
        [readoutBias]: draw(biasKey!, [classes]),
      };
    },

    logits,
    predict,

    async accuracy(params, x, labels, call) {
      const wanted = await classesOf(labels, x, classes);
      const given = await predict(params, x, call);
      return given.reduce((right, label, i) => right + (label === wanted[i] ? 1 : 0), 0) / given.length;
    },

    async lossAndGrad(params, x, labels, call) {
      // The read-out is no part of the differential equation, so the adjoint need not carry its gradient.
      const { own, head } = divide(params);
      const start = enter(x);
      return freeing([start], async (held) => {
        const targets = await targetsOf(labels, x, classes);
        held.push(targets);
        const pass = await solveVjp(dynamics, start, own, { ...solveOptions(call), adjoint, timeGradients: false });
        try {
          const lossOf = (leaf: { z: Tensor; head: Params }): Tensor => crossEntropy(read(leaf.head, leaf.z), targets);
          const { value: loss, grad } = valueAndGrad(lossOf)({ z: pass.solution.y1, head });
          held.push(grad.z);
          try {
            const { y0, params: grads } = await pass.pullback(grad.z);
            y0.dispose();
            return { loss, grads: { ...grads, ...grad.head }, stats: pass.solution.stats };
          } catch (error) {
            disposeTree([loss, grad.head]);
            throw error;
          }
        } finally {
          pass.dispose();
          pass.solution.dispose();
        }
      });
    },

    async frozenLoss(params, x, labels, call) {
      const start = enter(x);
      const held = [start];
      try {
        const targets = await targetsOf(labels, x, classes);
        held.push(targets);
        const { y1, grid, stats } = await solve(dynamics, start, params, solveOptions(call));
        y1.dispose();
        const loss = (p: Params): Tensor =>
          scope(() => crossEntropy(read(p, replay(dynamics, start, p, grid, { solver })), targets));
        return { loss, stats, dispose: () => disposeTree(held) };
      } catch (error) {
        disposeTree(held);
        throw error;
      }
    },

    async trajectory(params, x, times, call) {
      const start = enter(x);
      return freeing([start], async (held) => {
        const ends = { t0: times[0] ?? t0, t1: times.at(-1) ?? t1 };
        const { y1, ys } = await solve(dynamics, start, params, { ...solveOptions(call), ...ends, saveAt: times });
        held.push(y1);
        return ys;
      });
    },

    ...(field.resize && { resize: (sizes) => neuralOde({ ...options, field: field.resize!(sizes) }) }),
    ...(field.constants && { constants: field.constants }),
  };
}

/** Runs with tensors that end with it, also when it fails; more can be added to them on the way. */
async function freeing<T>(held: Tensor[], run: (held: Tensor[]) => Promise<T>): Promise<T> {
  try {
    return await run(held);
  } finally {
    disposeTree(held);
  }
}

const readoutWeight = 'readout.weight';
const readoutBias = 'readout.bias';

function checkOptions({ field, classes, augment = 0, readout }: NeuralOdeOptions, inputDim: number): void {
  const fail = (what: string, remedy: string): never => {
    throw new ValueError('neuralOde', what, remedy);
  };
  if (!Number.isInteger(classes) || classes < 2) fail(`${classes} classes`, 'give an integer of at least 2');
  if (!Number.isInteger(augment) || augment < 0 || inputDim < 1) {
    fail(`augment ${augment} with a field of dimension ${field.dim}`, 'give from 0 to one less than the dimension');
  }
  if (readout === 'state' && classes > field.dim) {
    fail(`${classes} logits in a state of dimension ${field.dim}`, "augment the state, or use the read-out 'linear'");
  }
}

/** The parameters of the field, and those of the read-out. */
function divide(params: Params): { readonly own: Params; readonly head: Params } {
  const { [readoutWeight]: weight, [readoutBias]: bias, ...own } = params;
  return { own, head: { ...(weight && { [readoutWeight]: weight }), ...(bias && { [readoutBias]: bias }) } };
}

/** The mean of -log softmax(logits) at flat indices of the labels. */
function crossEntropy(logits: Tensor, targets: Tensor): Tensor {
  return neg(mean(gather(reshape(logSoftmax(logits), [logits.size]), targets)));
}

/** Labels on the host, checked. */
async function classesOf(labels: Tensor, x: Tensor, classes: number): Promise<ArrayLike<number>> {
  if (labels.rank !== 1 || labels.shape[0] !== x.shape[0]) {
    const what = `labels of shape [${labels.shape}] for an input of shape [${x.shape}]`;
    throw new ShapeError('neuralOde', what, 'give one label for each row');
  }
  const values = await labels.data();
  const bad = values.findIndex((label) => !(Number.isInteger(label) && label >= 0 && label < classes));
  if (bad !== -1) {
    throw new ValueError('neuralOde', `label ${values[bad]} of row ${bad}`, `use integers from 0 to ${classes - 1}`);
  }
  return values;
}

/** Where each row's label lies in a flattened [batch, classes]. */
async function targetsOf(labels: Tensor, x: Tensor, classes: number): Promise<Tensor> {
  const values = await classesOf(labels, x, classes);
  const flat = Int32Array.from(values, (label, row) => row * classes + label);
  return tensor(flat, { backend: x.backend, dtype: 'int32' });
}

function argmaxRows(values: ArrayLike<number>, columns: number): Int32Array {
  return Int32Array.from({ length: values.length / columns }, (_, row) => {
    let best = 0;
    for (let k = 1; k < columns; k++) if (values[row * columns + k]! > values[row * columns + best]!) best = k;
    return best;
  });
}
