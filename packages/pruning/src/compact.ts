import { disposeTree, shapesEqual, tensor } from '@sparseflow/tensor';
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
  /**
   * [size]: not zero for units whose value is not the same at all times and places, so that no bias can stand for it: they stay. By
   * default none. Disposed by the caller.
   */
  readonly varies?: Tensor;
  /** Weights that read the units, each with the bias of the weights' shape without the units' axis: [out, in] and [out]. */
  readonly into: readonly { readonly weight: string; readonly bias: string }[];
}

/** What a model must say of itself to be made smaller; fields such as `mlp` and `odeNet` do, and flows of them. */
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
 * A unit that nothing leads to stays if what it sends is no constant: behind a gate that depends on time, or into a convolution, whose
 * borders see less of it. What goes into a gated layer is added inside its gate, which is exact.
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
  const stays = unitsWithEntries(params, live, group, withRole('out'));
  const read = unitsWithEntries(params, live, group, withRole('in'));
  if (!model.constants || !stays.some((s, unit) => s === 0 && read[unit] === 1)) return;

  const { constant, varies, into } = await constantsOf(model.constants, params, values, group.name);
  varies?.forEach((v, unit) => v !== 0 && (stays[unit] = 1));
  for (const { weight, bias } of into) {
    const [w, b] = [values[weight]!, values[bias]!];
    const shape = params[weight]?.shape ?? [];
    const axis = withRole('in').find(({ param }) => param === weight)?.axis ?? -1;
    const without = shape.filter((_, i) => i !== axis);
    if (axis === -1 || !shapesEqual(params[bias]?.shape ?? [], without)) {
      throw new PruningError(
        'compact',
        `the constants of '${group.name}' go through '${weight}' into '${bias}', whose shapes do not fit`,
        'name weights that read the units, [out, in], and biases of the same shape without them, [out]',
      );
    }
    forEachUnit(shape, axis, (unit, start, length) => {
      if (stays[unit] !== 0 || read[unit] === 0) return;
      // Runs come in the order of what is before the units' axis, each of a run for every unit.
      const first = Math.floor(start / (length * group.size)) * length;
      for (let i = 0; i < length; i++) {
        if (live[weight]![start + i] === 0 || w[start + i] === 0) continue;
        b[first + i]! += w[start + i]! * constant[unit]!;
        live[bias]![first + i] = 1;
      }
    });
  }
  clearUnits(params, live, group.axes, stays);
  for (const { param } of group.axes) live[param]!.forEach((m, i) => m === 0 && (values[param]![i] = 0));
}

/** Asks the model, with the parameters as they are by now. */
async function constantsOf(
  ask: (params: Params, group: string) => UnitConstants,
  params: Params,
  values: Readonly<Record<string, Float64Array>>,
  group: string,
): Promise<{
  readonly constant: Float64Array;
  readonly varies: Float64Array | undefined;
  readonly into: UnitConstants['into'];
}> {
  const held: Record<string, Tensor> = {};
  try {
    for (const [name, { backend, dtype, shape }] of Object.entries(params)) {
      held[name] = tensor(values[name]!, { backend, dtype, shape });
    }
    const { value, varies, into } = ask(held, group);
    try {
      const constant = Float64Array.from(await value.data());
      return { constant, varies: varies && Float64Array.from(await varies.data()), into };
    } finally {
      value.dispose();
      varies?.dispose();
    }
  } finally {
    disposeTree(held);
  }
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
