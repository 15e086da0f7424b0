import type { NeuronAxis, Shape, Tensor } from '@sparseflow/tensor';
import type { Time } from '../../field.ts';
import type { LinearMap } from './linearMap.ts';

/** What a parameter looks like, how it begins, and along which axes the layer's units lie. */
export interface ParameterSpec {
  readonly shape: Shape;
  /** Drawn uniformly from ±bound (PyTorch's default for linear and convolutional layers), or normally. */
  readonly start: { readonly bound: number } | { readonly deviation: number };
  /** Of the units that the layer computes, and of those that it reads. */
  readonly out?: number;
  readonly in?: number;
  /** `out` for weights, which pruning may remove; `bias` for biases and gates. */
  readonly role: Exclude<NeuronAxis['role'], 'in'>;
}

/** A layer at one time. All of FFJORD's are affine in their input: u = (W h + bias) · scale + shift. */
export interface LayerAt {
  readonly weight: Tensor;
  readonly bias: Tensor;
  readonly scale?: Tensor;
  /** [out], or a map [1, height, width, out] where it differs from place to place. */
  readonly shift?: Tensor;
}

/** One of a layer's parameters, by its name within the layer. */
export type LayerParams = (name: string) => Tensor;

/** A way for a layer to depend on time. To add one, add a file and a line in `index.ts`; the shared tests run over that list. */
export interface LayerKind {
  parameters(map: LinearMap): Readonly<Record<string, ParameterSpec>>;
  at(p: LayerParams, t: Time, map: LinearMap): LayerAt;
  /** True where weight and bias at a time are computed; by default they are the parameters `weight` and `bias` themselves. */
  readonly derived?: boolean;
  /** [out]: not zero for the units whose output changes with time even if nothing leads to them. By default none. */
  drift?(p: LayerParams): Tensor;
  /** Weights that read the layer's input, each with the bias to which a constant input can be added. By default `weight` and `bias`. */
  readonly readers?: readonly { readonly weight: string; readonly bias: string }[];
}
