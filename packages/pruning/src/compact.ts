import { disposeTree, tensor } from '@sparseflow/tensor';
import type { Masks, NeuronGroup, Params, Shape, Tensor } from '@sparseflow/tensor';
import { PruningError } from './errors.ts';
import { copyMasks, downloadMasks, uploadMasks } from './masks.ts';
import type { HostMasks } from './masks.ts';
import { valuesOf } from './objective.ts';
import { checkNeurons, clearUnits, clearUnreadUnits, forEachUnit, liveUnits, unitsWithEntries } from './units.ts';

/** What units put out that no weight leads to, and where it arrives. */
export interface UnitConstants {
  /** [size of the group]: for a linear layer, the activation of its bias. The caller disposes it. */
  readonly value: Tensor;
  /** Weights [out, in] that read the units, each with the bias [out] beside it. */
  readonly into: readonly { readonly weight: string; readonly bias: string }[];
}

/** What a model must say of itself to be made smaller; a vector field such as `mlp` does. */
export interface Compactable<M> {
  readonly neurons: readonly NeuronGroup[];
  /** The same model with other numbers of units in its groups. */
  resize?(sizes: Readonly<Record<string, number>>): M;
  /** Lets units go that still send a constant: it is added to the biases after them. Without it they stay. */
  constants?(params: Params, group: string): UnitConstants;
}

export interface Compacted<M> {
  readonly model: M;
  /** New tensors, to be disposed by the caller. */
  readonly params: Params;
  /** What is still pruned inside the layers that are left. New tensors. */
  readonly masks: Masks;
  /** Units that are left, by group. */
  readonly sizes: Readonly<Record<string, number>>;
}

/**
 * Makes a pruned model physically smaller: removes the neurons that nothing leads to, whose constant output goes into the next biases, and
 * those that nothing reads, with everything that belongs to them. The function stays the same up to rounding; dense kernels run it with
 * fewer operations, and it can be trained on under the masks that are left. One unit stays of a layer that lost all.
 *
 * Zeros within layers that are left stay there: only a kernel for sparse matrices gains by them.
 *
 * @param masks - Of the parameters; where they are zero, parameters count as zero.
 * @throws {PruningError} when the model cannot be resized, or masks or groups do not fit its parameters
 *
 * @example
 * ```ts
 * import { compact } from '@sparseflow/pruning';
 * import type { Compactable } from '@sparseflow/pruning';
 * import { ones, tensor } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 *
 * interface Net extends Compactable<Net> {}
 * const net = (size: number): Net => ({
 *   neurons: [{ name: 'hidden', size, axes: [{ param: 'first', axis: 0, role: 'out' }, { param: 'second', axis: 1, role: 'in' }] }],
 *   resize: ({ hidden }) => net(hidden!),
 * });
 * const backend = createReferenceBackend();
 * const params = { first: ones([3, 2], { backend }), second: ones([2, 3], { backend }) };
 * const masks = { second: tensor([[1, 0, 1], [1, 0, 0]], { backend }) };
 * const small = await compact(net(3), params, masks);
 * console.log(small.params['first']!.shape, small.sizes); // [2, 2], { hidden: 2 }: nothing reads the second unit
 * ```
 */
export async function compact<M>(model: Compactable<M>, params: Params, masks: Masks = {}): Promise<Compacted<M>> {
  const { neurons } = model;
  if (!model.resize) {
    throw new PruningError('compact', 'the model has no resize', 'give it a function that makes it with other sizes');
  }
  checkNeurons('compact', params, neurons);
  const live = copyMasks(await downloadMasks('compact', params, masks));
  const values = await valuesOf(params, Object.keys(params));
  for (const [name, mask] of Object.entries(live)) mask.forEach((m, i) => m === 0 && (values[name]![i] = 0));

  for (const group of neurons) await foldConstants(model, params, values, live, group);
  clearUnreadUnits(params, live, neurons);

  const shapes = new Map<string, Shape>(Object.entries(params).map(([name, { shape }]) => [name, shape]));
  const sizes: Record<string, number> = {};
  const small: Record<string, Float64Array> = { ...values };
  const left: Record<string, Uint8Array> = { ...live };
  for (const [name, mask] of Object.entries(live)) mask.forEach((m, i) => m === 0 && (small[name]![i] = 0));
  const units = new Map(neurons.map((group) => [group.name, liveUnits(params, live, group)]));
  for (const { name, axes } of neurons) {
    const alive = units.get(name)!;
    if (!alive.includes(1)) alive[0] = 1;
    sizes[name] = alive.reduce((n, m) => n + m, 0);
    for (const { param, axis } of axes) {
      const shape = shapes.get(param)!;
      small[param] = along(shape, axis, alive, small[param]!, new Float64Array(small[param]!.length));
      left[param] = along(shape, axis, alive, left[param]!, new Uint8Array(left[param]!.length));
      shapes.set(
        param,
        shape.map((n, i) => (i === axis ? sizes[name]! : n)),
      );
    }
  }
  const resized = model.resize(sizes);
  const own: Record<string, Tensor> = {};
  try {
    for (const [name, { backend, dtype }] of Object.entries(params)) {
      own[name] = tensor(small[name]!, { backend, dtype, shape: shapes.get(name)! });
    }
    return { model: resized, params: own, masks: uploadMasks(own, left), sizes };
  } catch (error) {
    disposeTree(own);
    throw error;
  }
}

/** Adds what units without incoming weights send to the biases after them, and removes them. */
async function foldConstants<M>(
  model: Compactable<M>,
  params: Params,
  values: Readonly<Record<string, Float64Array>>,
  live: HostMasks,
  group: NeuronGroup,
): Promise<void> {
  const withRole = (role: string) => group.axes.filter((axis) => axis.role === role);
  const fed = unitsWithEntries(params, live, group, withRole('out'));
  const read = unitsWithEntries(params, live, group, withRole('in'));
  if (!model.constants || !fed.some((f, unit) => f === 0 && read[unit] === 1)) return;

  const current: Record<string, Tensor> = {};
  let constant: Float64Array;
  let into: UnitConstants['into'];
  try {
    for (const [name, { backend, dtype, shape }] of Object.entries(params)) {
      current[name] = tensor(values[name]!, { backend, dtype, shape });
    }
    const constants = model.constants(current, group.name);
    into = constants.into;
    constant = Float64Array.from(await constants.value.data());
    constants.value.dispose();
  } finally {
    disposeTree(current);
  }
  for (const { weight, bias } of into) {
    const [w, b] = [values[weight]!, values[bias]!];
    const width = group.size;
    if (params[weight]?.shape.length !== 2 || params[weight].shape[1] !== width || b?.length !== w.length / width) {
      throw new PruningError(
        'compact',
        `the constants of '${group.name}' go through '${weight}' into '${bias}', whose shapes do not fit`,
        'name weights [out, in] and biases [out]',
      );
    }
    for (let unit = 0; unit < width; unit++) {
      if (fed[unit] !== 0 || read[unit] === 0) continue;
      for (let out = 0; out < b.length; out++) {
        const i = out * width + unit;
        if (live[weight]![i] === 0 || w[i] === 0) continue;
        b[out]! += w[i]! * constant[unit]!;
        live[bias]![out] = 1;
      }
    }
  }
  clearUnits(params, live, group.axes, fed);
  for (const { param } of group.axes) live[param]!.forEach((m, i) => m === 0 && (values[param]![i] = 0));
}

/** Copies the runs of the kept units. */
function along<A extends Float64Array | Uint8Array>(shape: Shape, axis: number, kept: Uint8Array, from: A, to: A): A {
  let end = 0;
  forEachUnit(shape, axis, (unit, start, length) => {
    if (kept[unit] === 0) return;
    for (let i = start; i < start + length; i++) to[end++] = from[i]!;
  });
  return to.subarray(0, end) as A;
}
