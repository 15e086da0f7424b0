import { sparsify } from '@sparseflow/backend-cpu';
import { dualPass, odeNet, type Field, type OdeNetOptions } from '@sparseflow/cnf';
import { magnitude, neuronNorm, prune, shrink, type Pruner } from '@sparseflow/pruning';
import {
  disposeTree,
  key,
  randomNormal,
  rowDots,
  scaleRows,
  scope,
  vjp,
  type Backend,
  type Params,
  type Tensor,
} from '@sparseflow/tensor';

/** A field of FFJORD, of which one evaluation with one probe is timed. */
export interface FieldCase {
  readonly name: string;
  readonly net: OdeNetOptions;
  readonly batch: number;
  /** The share of its parameters that pruning leaves; by default all. */
  readonly keep?: number;
  /** By default `magnitude`. What it leaves of the net is evaluated as the studies do: without removed neurons, weights sparse. */
  readonly pruner?: Pruner;
}

const MINIBOONE = {
  net: { shape: 43, hidden: [860, 860], layer: 'concatsquash', activation: 'softplus' },
  batch: 1000,
} as const;

/** The net of the MiniBooNE data, and that of a block of MNIST's first scale (Grathwohl et al. 2019, table 4 and its published code). */
export const FIELDS: readonly FieldCase[] = [
  { name: 'miniboone', ...MINIBOONE },
  { name: 'miniboone 90 %', ...MINIBOONE, keep: 0.1 },
  { name: 'miniboone 90 %, neurons', ...MINIBOONE, keep: 0.1, pruner: neuronNorm },
  {
    name: 'mnist block',
    net: { shape: [28, 28, 1], hidden: [64, 64, 64], layer: 'concat', activation: 'softplus' },
    batch: 64,
  },
];

/** Between the ends, so that every gate and shift takes part. */
export const TIME = 0.5;

/** A field with what it is evaluated at. */
export interface FieldProblem {
  /** Of the whole net, exactly 0 where pruned. */
  readonly params: Params;
  readonly z: Tensor;
  readonly noise: Tensor;
  /** Cotangents of f and of the divergence. */
  readonly ofValue: Tensor;
  readonly ofDivergence: Tensor;
  /** Value [batch, dim] and divergence [batch] of one evaluation. */
  forward(): { readonly value: Tensor; readonly divergence: Tensor };
  /** Cotangents of the point and of every parameter that is left, with the evaluation that this needs. */
  vjp(): { readonly z: Tensor; readonly params: Params };
  /** Such cotangents in the shapes of the whole net: what training does once a step, after all evaluations. New tensors. */
  expand(cotangents: Params): Params;
  /** Multiplications and additions of the matrix products: of value and tangent, and three times that in the reverse pass. */
  flops(op: 'forward' | 'vjp'): number;
  dispose(): void;
}

/** The same numbers on every backend. What is pruned is left out, or sparse where kernels gain by it. */
export async function prepareField(
  { net, batch, keep, pruner = magnitude }: FieldCase,
  backend: Backend,
): Promise<FieldProblem> {
  const whole = odeNet(net);
  const dense = whole.init(key(0), { backend });
  const { field, held, params, expand, dispose } = await evaluated(whole, dense, pruner, keep);
  const draw = (seed: number, ...shape: number[]): Tensor => randomNormal(key(seed), shape, { backend });
  const [z, noise] = [draw(1, batch, field.dim), draw(2, 1, batch, field.dim)];
  const [ofValue, ofDivergence] = [draw(3, batch, field.dim), draw(4, batch)];

  const evaluate = (p: Params, at: Tensor): { readonly value: Tensor; readonly divergence: Tensor } => {
    const { value, tangent } = dualPass(field, p, TIME, at, noise);
    return { value, divergence: rowDots(noise, tangent) };
  };
  const back = (): { readonly z: Tensor; readonly params: Params } => {
    // As flows do: by the field's own way where it has one.
    if (field.dualVjp) {
      const tangent = scaleRows(noise, ofDivergence);
      return field.dualVjp(held, TIME, z, noise, { value: ofValue, tangent }).cotangents;
    }
    const inputs: { readonly params: Params; readonly z: Tensor } = { params: held, z };
    return vjp((x: typeof inputs) => evaluate(x.params, x.z), inputs).pullback({
      value: ofValue,
      divergence: ofDivergence,
    });
  };
  const uses = usesOfWeights(field, held);
  return {
    params,
    z,
    noise,
    ofValue,
    ofDivergence,
    forward: () => scope(() => evaluate(held, z)),
    vjp: () => scope(back),
    expand,
    flops: (op) => (op === 'forward' ? 1 : 3) * 2 * 2 * batch * uses,
    dispose() {
      disposeTree([z, noise, ofValue, ofDivergence]);
      dispose();
    },
  };
}

/** A net, the parameters that it is evaluated with, and the way of their gradients to those of the whole net. */
interface Evaluated {
  readonly field: Field;
  readonly held: Params;
  readonly params: Params;
  expand(gradients: Params): Params;
  dispose(): void;
}

async function evaluated(whole: Field, dense: Params, pruner: Pruner, keep = 1): Promise<Evaluated> {
  const { params, masks } = await prune(dense, undefined, pruner, {
    keep,
    ...(pruner.target === 'neurons' && { neurons: whole.neurons }),
  });
  const { model, take, expand, ...small } = await shrink(whole, params, masks);
  const held = scope(() => sparsify(take(params), small.masks));
  disposeTree([dense, masks]);
  return {
    field: model,
    held,
    params,
    expand,
    dispose() {
      disposeTree([held, params]);
      small.dispose();
    },
  };
}

/** How often a sample needs a weight that is not 0, over all of them. */
function usesOfWeights({ positions = {} }: Field, params: Params): number {
  const weights = Object.entries(params).filter(([name, { rank }]) => rank > 1 && name.endsWith('.weight'));
  return weights.reduce((sum, [name, weight]) => {
    const survivors = Float32Array.from(weight.dataSync()).filter((value) => value !== 0).length;
    return sum + survivors * (positions[name] ?? 1);
  }, 0);
}
