import {
  disposeTree,
  gather,
  reshape,
  scatterAdd,
  scope,
  ShapeError,
  shapesEqual,
  sizeOf,
  tensor,
} from '@sparseflow/tensor';
import type { Masks, NeuronGroup, Params, Shape, Tensor } from '@sparseflow/tensor';
import type { Compactable } from './compact.ts';
import { PruningError } from './errors.ts';
import { alias, copyMasks, countOnes, downloadMasks } from './masks.ts';
import type { HostMasks } from './masks.ts';
import { checkNeurons, clearUnreadUnits, forEachUnit, unitsWithEntries } from './units.ts';

/** A smaller model that computes the same, and the way between its parameters and those of the model that was masked. */
export interface Shrunk<M> {
  readonly model: M;
  /** What is still pruned inside the layers that are left, in the smaller shapes. */
  readonly masks: Masks;
  /** Units that are left, by group. */
  readonly sizes: Readonly<Record<string, number>>;
  /** What is left of parameters, or of anything of their shapes. New tensors. @throws {ShapeError} for other shapes */
  take(params: Params): Params;
  /** The reverse, for gradients or parameters: zero where units were removed. New tensors. @throws {ShapeError} for other shapes */
  expand(small: Params): Params;
  /** Frees the masks and what `take` and `expand` need. */
  dispose(): void;
}

/**
 * The model without the neurons that nothing reads, for as long as the masks stay: to train and to evaluate faster under names and shapes
 * that do not change. Loss and gradients are those of the masked model up to rounding, since a neuron that nothing reads has no gradient;
 * the optimiser with its moments and the checkpoints keep the full shapes.
 *
 * {@link compact} removes more, for good: it also folds the constants of neurons that no weight leads to into biases, after which training
 * has other parameters to move.
 *
 * @param params - Their shapes count, not their values.
 * @throws {PruningError} when the model cannot be resized, or masks or groups do not fit its parameters
 *
 * @example
 * ```ts
 * import { shrink } from '@sparseflow/pruning';
 * import type { Compactable } from '@sparseflow/pruning';
 * import { tensor } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 *
 * interface Net extends Compactable<Net> {}
 * const net = (size: number): Net => ({
 *   neurons: [{ name: 'hidden', size, axes: [{ param: 'first', axis: 0, role: 'out' }, { param: 'second', axis: 1, role: 'in' }] }],
 *   resize: ({ hidden }) => net(hidden!),
 * });
 * const backend = createReferenceBackend();
 * const params = { first: tensor([[1], [2], [3]], { backend }), second: tensor([[4, 5, 6]], { backend }) };
 * const { take, expand } = await shrink(net(3), params, { second: tensor([[1, 0, 1]], { backend }) });
 * const { first, second } = take(params);
 * console.log(first!.dataSync(), second!.dataSync()); // 1, 3 and 4, 6: nothing reads the second unit
 * console.log(expand({ first: first! })['first']!.dataSync()); // 1, 0, 3
 * ```
 */
export async function shrink<M>(
  { neurons, resize }: Pick<Compactable<M>, 'neurons' | 'resize'>,
  params: Params,
  masks: Masks = {},
): Promise<Shrunk<M>> {
  if (!resize) {
    throw new PruningError('shrink', 'the model has no resize', 'give it a function that makes it with other sizes');
  }
  checkNeurons('shrink', params, neurons);
  const live = await downloadMasks('shrink', params, masks);
  const { sizes, slots } = slotsOf(params, live, neurons);
  const model = resize(sizes);
  const entries = uploadEntries(slots, params);

  const convert = (given: Params, from: 'full' | 'small', to: 'full' | 'small'): Params =>
    scope(() =>
      Object.fromEntries(
        Object.entries(given).map(([name, x]) => {
          const slot = slots[name];
          if (!slot || !shapesEqual(x.shape, slot[from])) {
            throw new ShapeError(
              'shrink',
              `'${name}' has shape [${x.shape}]${slot ? `, not [${slot[from]}]` : ' and is no parameter'}`,
              `give what has the shapes of the ${from === 'full' ? 'masked' : 'smaller'} model's parameters`,
            );
          }
          const at = entries[name];
          if (!at) return [name, alias(x)];
          const flat = reshape(x, [-1]);
          return [
            name,
            reshape(to === 'small' ? gather(flat, at) : scatterAdd(flat, at, 0, sizeOf(slot.full)), slot[to]),
          ];
        }),
      ),
    );
  const take = (given: Params): Params => convert(given, 'full', 'small');
  // A mask that keeps all that stays is none.
  const inside = Object.entries(masks).filter(([name]) => slots[name]!.stays.some((s, i) => s > live[name]![i]!));
  const small = take(Object.fromEntries(inside));
  return {
    model,
    masks: small,
    sizes,
    take,
    expand: (given) => convert(given, 'small', 'full'),
    dispose: () => disposeTree([small, entries]),
  };
}

/** Where a parameter is in the smaller model. */
interface Slot {
  readonly full: Shape;
  readonly small: Shape;
  /** 1 for the entries that stay. */
  readonly stays: Uint8Array;
}

function slotsOf(params: Params, masks: HostMasks, neurons: readonly NeuronGroup[]) {
  const live = copyMasks(masks);
  clearUnreadUnits(params, live, neurons);
  const slots: Record<string, Slot> = {};
  for (const [name, { shape, size }] of Object.entries(params)) {
    slots[name] = { full: shape, small: shape, stays: new Uint8Array(size).fill(1) };
  }
  const sizes: Record<string, number> = {};
  for (const group of neurons) {
    const kept = keptUnits(params, live, group);
    const size = countOnes(kept);
    sizes[group.name] = size;
    for (const { param, axis } of group.axes) {
      const { full, small, stays } = slots[param]!;
      forEachUnit(full, axis, (unit, start, length) => kept[unit] === 0 && stays.fill(0, start, start + length));
      slots[param] = { full, small: small.map((n, i) => (i === axis ? size : n)), stays };
    }
  }
  return { sizes, slots };
}

/** Units that something reads, or of which nothing says what reads them; at least one. */
function keptUnits(params: Params, live: HostMasks, group: NeuronGroup): Uint8Array {
  const readers = group.axes.filter(({ role }) => role === 'in');
  if (readers.length === 0) return new Uint8Array(group.size).fill(1);
  const kept = unitsWithEntries(params, live, group, readers);
  if (!kept.includes(1)) kept[0] = 1;
  return kept;
}

/** Row-major indices of what stays, of the parameters that lose something. */
function uploadEntries(slots: Readonly<Record<string, Slot>>, params: Params): Record<string, Tensor> {
  const entries: Record<string, Tensor> = {};
  for (const [name, { stays }] of Object.entries(slots)) {
    if (!stays.includes(0)) continue;
    const indices = Int32Array.from(stays.keys()).filter((i) => stays[i] === 1);
    entries[name] = tensor(indices, { backend: params[name]!.backend, dtype: 'int32' });
  }
  return entries;
}
