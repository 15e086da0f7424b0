import type { ActivationName, DualLayer, Tensor } from '@sparseflow/tensor';

/** A network with tangents, as a test wants it. */
export interface DualNetwork {
  readonly batch: number;
  readonly count: number;
  readonly sizes: readonly number[];
  readonly activation: ActivationName;
  readonly bias: boolean;
  readonly scale: boolean;
  readonly shift: boolean;
}

/** Draws a tensor of this name, standard deviation and shape. */
export type Draw = (name: string, spread: number, ...shape: number[]) => Tensor;

/** Inputs x and dx and the layers' tensors, such as weight0. */
export function drawNetwork(
  { batch, count, sizes, bias, scale, shift }: DualNetwork,
  draw: Draw,
): Record<string, Tensor> {
  const leaves: Record<string, Tensor> = {
    x: draw('x', 1, batch, sizes[0]!),
    dx: draw('dx', 1, count, batch, sizes[0]!),
  };
  sizes.slice(1).forEach((width, l) => {
    leaves[`weight${l}`] = draw(`weight${l}`, 1.5 / Math.sqrt(sizes[l]!), width, sizes[l]!);
    if (bias) leaves[`bias${l}`] = draw(`bias${l}`, 1, width);
    if (scale) leaves[`scale${l}`] = draw(`scale${l}`, 1, width);
    if (shift) leaves[`shift${l}`] = draw(`shift${l}`, 1, width);
  });
  return leaves;
}

/** The layers whose tensors have these names. */
export function layersOf({ sizes }: DualNetwork, tensors: Readonly<Record<string, Tensor>>): DualLayer[] {
  return sizes.slice(1).map((_, l) => ({
    weight: tensors[`weight${l}`]!,
    bias: tensors[`bias${l}`],
    scale: tensors[`scale${l}`],
    shift: tensors[`shift${l}`],
  }));
}

/** The largest size of an entry; 0 where there is none. */
export function largestOf(values: ArrayLike<number>): number {
  let largest = 0;
  for (let i = 0; i < values.length; i++) largest = Math.max(largest, Math.abs(values[i]!));
  return largest;
}
