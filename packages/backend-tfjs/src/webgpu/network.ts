import type { ActivationName, DualMlpParams, Shape } from '@sparseflow/tensor';
import { activationSource } from './activations.ts';

/** Up to that width a workgroup keeps all activations of its samples; wider networks go layer by layer. */
const WHOLE_WIDTH = 128;

/** Workgroup memory that every device has (WebGPU's default of 16 KiB), in floats. */
const TILE_FLOATS = 4096;

/** Workgroups in one dimension that every device allows. */
export const MAX_GROUPS = 65535;

export interface Layer {
  readonly into: number;
  readonly out: number;
  readonly has: DualMlpParams['layers'][number];
  /** Where the packed network (see pack.ts) holds it, in vec4s: the weight, its transpose, and the gates. */
  readonly weight: number;
  readonly transposed: number;
  readonly gates: number;
  /** Columns of kept activations before those of this layer's output. */
  readonly column: number;
  /** Where a gradient of all layers holds this one's: [out, into + 1], the bias last. */
  readonly gradient: number;
}

/** The shape of a network, which its kernels are made for. */
export interface Network {
  /** Stands for all that follows. */
  readonly key: string;
  readonly layers: readonly Layer[];
  readonly activation: ActivationName;
  readonly maxWidth: number;
  /** Size of the packed network in vec4s. */
  readonly packed: number;
  /** Columns of kept activations: the hidden widths. */
  readonly columns: number;
  /** Entries of a gradient of all layers. */
  readonly gradients: number;
}

/** In whole vec4s. */
export const quads = (n: number): number => Math.ceil(n / 4);

/** undefined for networks that have no kernel. `tensors` are the shapes of the layers' tensors. */
export function networkOf(tensors: readonly Shape[], { activation, layers }: DualMlpParams): Network | undefined {
  if (layers.length === 0 || activationSource(activation) === undefined) return undefined;
  const described: Layer[] = [];
  let [packed, columns, gradients, next] = [0, 0, 0, 0];
  for (const has of layers) {
    const [out, into] = tensors[next] as [number, number];
    if (into < 1 || out < 1) return undefined;
    const transposed = packed + quads(into) * out;
    const gates = transposed + quads(out) * into;
    described.push({ into, out, has, weight: packed, transposed, gates, column: columns, gradient: gradients });
    packed = gates + out;
    columns += out;
    gradients += out * (into + 1);
    next += 1 + Number(has.bias) + Number(has.scale) + Number(has.shift);
  }
  const last = described.at(-1)!;
  const flags = layers.map(({ bias, scale, shift }) => Number(bias) + 2 * Number(scale) + 4 * Number(shift));
  return {
    key: `${activation} ${described[0]!.into} ${described.map(({ out }, i) => `${out}:${flags[i]}`).join(' ')}`,
    layers: described,
    activation,
    maxWidth: Math.max(last.out, ...described.map(({ into }) => into)),
    packed,
    columns: columns - last.out,
    gradients,
  };
}

/** How a dual pass is cut into workgroups: each takes some samples and, where there are many, some tangents of them. */
export interface Tiling {
  readonly samples: number;
  readonly tangents: number;
  readonly groups: readonly [number, number];
}

/** The cut where a workgroup takes its samples through the whole network. */
export interface WholeTiling extends Tiling {
  /** Invocations of a workgroup: one for each column of the widest layer, and a whole number of the smallest GPU's vectors. */
  readonly threads: number;
  /** Floats between two rows of a tile; a row is the value or one tangent of one sample. */
  readonly stride: number;
}

/** Tangents that share one computation of their value; more would make programs that take seconds to compile. */
const MAX_TANGENTS = 7;

/** More than this many workgroups keep a GPU busy; below it, smaller tiles are better than idle cores. */
const ENOUGH_GROUPS = 32;

/** undefined where the network is too wide for that, or there are more samples than a dispatch can take. */
export function wholeTiling({ maxWidth }: Network, batch: number, count: number): WholeTiling | undefined {
  if (maxWidth > WHOLE_WIDTH) return undefined;
  const stride = 4 * quads(maxWidth);
  const rows = Math.floor(TILE_FLOATS / stride);
  const tangents = Math.min(count, rows - 1, MAX_TANGENTS);
  const chunks = tangents === 0 ? 1 : Math.ceil(count / tangents);
  const most = Math.floor(rows / (1 + tangents));
  let samples = 1;
  while (2 * samples <= most && Math.ceil(batch / (2 * samples)) * chunks >= ENOUGH_GROUPS) samples *= 2;
  while (2 * samples <= most && Math.ceil(batch / samples) > MAX_GROUPS) samples *= 2;
  const groups = [Math.ceil(batch / samples), chunks] as const;
  return groups.some((n) => n > MAX_GROUPS)
    ? undefined
    : { samples, tangents, threads: 32 * Math.ceil(stride / 32), stride, groups };
}

/** How the invocations of a workgroup share the rows of a tile for one layer: a column of `width`, and `share` whole samples. */
export function shareOf(
  width: number,
  { samples, threads }: WholeTiling,
): { readonly columns: number; readonly share: number } {
  const columns = 4 * quads(width);
  let parts = 1;
  while (2 * parts <= Math.min(samples, threads / columns)) parts *= 2;
  return { columns, share: samples / parts };
}
