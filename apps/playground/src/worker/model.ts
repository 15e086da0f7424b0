import type { LossAndGrad } from '@sparseflow/cnf';
import { mlp, type Field, type FrozenLoss } from '@sparseflow/cnf';
import type { Batch, Split } from '@sparseflow/datasets';
import type { Backend, Key, NeuronGroup, Params } from '@sparseflow/tensor';
import { tensor } from '@sparseflow/tensor';
import type { Measured, Picture, ViewName } from '../protocol.ts';
import type { Settings } from '../settings.ts';
import { classifier } from './classifier.ts';
import { density } from './density.ts';

/** What is drawn, apart from whose it is. */
export type Drawn = Omit<Picture, 'model' | 'step' | 'measured' | 'view' | 'extent'>;

export interface Look {
  readonly view: ViewName;
  readonly extent: number;
  /** Cells along a side of grids. */
  readonly side: number;
  /** Points that particles of a classifier start from. */
  readonly points: Split;
  /** Noise that samples start from. */
  readonly key: Key;
}

/** A density or a classifier: what training, drawing and measuring need to know of it. */
export interface Model {
  readonly neurons: readonly NeuronGroup[];
  /** The same with other numbers of units, by group. */
  resize(sizes: Readonly<Record<string, number>>): Model;
  init(key: Key): Params;
  lossAndGrad(params: Params, batch: Batch, key: Key): Promise<LossAndGrad>;
  measure(params: Params, points: Split): Promise<Measured>;
  look(params: Params, look: Look): Promise<Drawn>;
  /** The loss on some points as a plain function of the parameters; `dispose` frees the points, too. */
  frozenLoss(params: Params, points: Split, signal: AbortSignal): Promise<FrozenLoss>;
}

export function modelOf(settings: Settings, backend: Backend): Model {
  const { layers, hidden, activation, task } = settings;
  const make = (field: Field): Model => ({
    ...{ density, classification: classifier }[task](field, settings, backend),
    resize: (sizes) => make(field.resize!(sizes)),
  });
  return make(mlp({ dim: 2, hidden: new Array<number>(layers - 1).fill(hidden), activation }));
}

/** The vector field on a grid: its values and their lengths. It does not depend on time. */
export async function fieldOnGrid(field: Field, params: Params, look: Look, backend: Backend): Promise<Drawn> {
  const { side } = look;
  const at = tensor(gridCentres(side, look.extent), { backend, shape: [side * side, 2] });
  const f = field.apply(params, 0, at);
  try {
    const vectors = Float32Array.from(await f.data());
    const values = Float32Array.from({ length: side * side }, (_, i) =>
      Math.hypot(vectors[2 * i]!, vectors[2 * i + 1]!),
    );
    return { side, values, vectors };
  } finally {
    at.dispose();
    f.dispose();
  }
}

/** Cell centres [side², 2] of the square [-extent, extent]², rows from the lowest y up, x running fastest. */
export function gridCentres(side: number, extent: number): Float64Array {
  const step = (2 * extent) / side;
  return Float64Array.from({ length: 2 * side * side }, (_, i) => {
    const cell = i >> 1;
    const k = i % 2 === 0 ? cell % side : Math.floor(cell / side);
    return -extent + (k + 0.5) * step;
  });
}

/** Times at which particles are seen, from 0 to 1. */
export const TIMES: readonly number[] = Array.from({ length: 33 }, (_, i) => i / 32);

/** Particles in a picture of trajectories. */
export const PARTICLES = 400;
