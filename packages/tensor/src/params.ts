import type { Tensor } from './tensor.ts';

/** Named parameters of a model, with keys such as `layers.0.weight`. Gradients and optimiser moments have the same keys. */
export type Params = Readonly<Record<string, Tensor>>;

/** 1 where a parameter is kept and 0 where it is pruned, in the parameter's dtype. A parameter without a mask is kept whole. */
export type Masks = Readonly<Record<string, Tensor>>;

/** The slices of parameters that belong to a unit: index i along `axis` of `param` belongs to unit i. */
export interface NeuronAxis {
  readonly param: string;
  readonly axis: number;
  /** `out`: the unit computes with it (its weights). `bias`: its constants and gates. `in`: the next layer reads the unit through it. */
  readonly role: 'out' | 'bias' | 'in';
}

/** A layer of prunable units, and every slice that vanishes with one of them. */
export interface NeuronGroup {
  readonly name: string;
  readonly size: number;
  readonly axes: readonly NeuronAxis[];
}
