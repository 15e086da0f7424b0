import { shapesEqual } from '@sparseflow/tensor';
import type { NeuronAxis, NeuronGroup, Params, Shape } from '@sparseflow/tensor';
import { PruningError } from './errors.ts';
import type { HostMasks } from './masks.ts';

/** Visits the contiguous runs of every unit along an axis: `visit(unit, start, length)`. */
export function forEachUnit(
  shape: Shape,
  axis: number,
  visit: (unit: number, start: number, length: number) => void,
): void {
  const product = (sizes: Shape): number => sizes.reduce((n, m) => n * m, 1);
  const size = shape[axis]!;
  const inner = product(shape.slice(axis + 1));
  const outer = product(shape.slice(0, axis));
  for (let o = 0; o < outer; o++) {
    for (let unit = 0; unit < size; unit++) visit(unit, (o * size + unit) * inner, inner);
  }
}

/** Marks the units that have an entry left in at least one of the axes. */
export function unitsWithEntries(
  params: Params,
  live: HostMasks,
  group: NeuronGroup,
  axes: readonly NeuronAxis[],
): Uint8Array {
  const found = new Uint8Array(group.size);
  for (const { param, axis } of axes) {
    const mask = live[param]!;
    forEachUnit(params[param]!.shape, axis, (unit, start, length) => {
      for (let i = start; found[unit] === 0 && i < start + length; i++) found[unit] = mask[i]!;
    });
  }
  return found;
}

/** The units of a group that are not removed: some weight still leads to them or away from them. */
export function liveUnits(params: Params, live: HostMasks, group: NeuronGroup): Uint8Array {
  return unitsWithEntries(
    params,
    live,
    group,
    group.axes.filter(({ role }) => role !== 'bias'),
  );
}

/** Masks every entry of the units that are not in `kept`, along the given axes. Returns whether anything changed. */
export function clearUnits(
  params: Params,
  live: HostMasks,
  axes: readonly NeuronAxis[],
  kept: ArrayLike<number>,
): boolean {
  let changed = false;
  for (const { param, axis } of axes) {
    const mask = live[param]!;
    forEachUnit(params[param]!.shape, axis, (unit, start, length) => {
      if (kept[unit] !== 0) return;
      for (let i = start; i < start + length; i++) {
        if (mask[i] !== 0) changed = true;
        mask[i] = 0;
      }
    });
  }
  return changed;
}

/**
 * Masks all that belongs to units which nothing reads: their outgoing weights are all pruned, so no other entry of theirs reaches the
 * output. Repeats, since that may leave units of the layer before unread. The model's function does not change.
 */
export function clearUnreadUnits(params: Params, live: HostMasks, neurons: readonly NeuronGroup[]): void {
  // From the last layer to the first, one pass is enough for a chain.
  const backwards = [...neurons].reverse();
  for (let changed = true; changed;) {
    changed = false;
    for (const group of backwards) {
      const readers = group.axes.filter(({ role }) => role === 'in');
      if (readers.length === 0) continue;
      const read = unitsWithEntries(params, live, group, readers);
      if (clearUnits(params, live, group.axes, read)) changed = true;
    }
  }
}

/** Checks that the groups fit the parameters. @throws {PruningError} */
export function checkNeurons(where: string, params: Params, neurons: readonly NeuronGroup[]): void {
  const names = new Set<string>();
  for (const group of neurons) {
    const name = `neuron group '${group.name}'`;
    if (names.has(group.name))
      throw new PruningError(where, `${name} is listed twice`, 'give every group its own name');
    names.add(group.name);
    for (const { param, axis } of group.axes) {
      const shape = params[param]?.shape;
      if (!shape) {
        throw new PruningError(
          where,
          `${name} refers to parameter '${param}', which does not exist`,
          `use one of ${Object.keys(params).join(', ')}`,
        );
      }
      if (shape[axis] !== group.size) {
        throw new PruningError(
          where,
          `${name} has ${group.size} units, but axis ${axis} of '${param}' with shape [${shape}] has ${shape[axis] ?? 'no'} entries`,
          'name the axis along which the units lie',
        );
      }
    }
    if (!group.axes.some(({ role }) => role === 'out')) {
      throw new PruningError(where, `${name} has no axis with role 'out'`, 'name the weights that compute its units');
    }
  }
}

/** Checks that a record has the parameters' shapes. @throws {PruningError} */
export function checkSameShapes(where: string, params: Params, other: Params, what: string): void {
  for (const [name, x] of Object.entries(other)) {
    const shape = params[name]?.shape;
    if (!shape) {
      throw new PruningError(
        where,
        `${what} has '${name}', which is not a parameter`,
        `use the names ${Object.keys(params).join(', ')}`,
      );
    }
    if (!shapesEqual(shape, x.shape)) {
      throw new PruningError(
        where,
        `${what} has shape [${x.shape}] for '${name}', whose shape is [${shape}]`,
        'give each entry the shape of its parameter',
      );
    }
  }
}
