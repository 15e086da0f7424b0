import type { DualMlpParams, Shape } from '@sparseflow/tensor';
import { reduce } from '../kernels/reduce.ts';
import type { Info, Runtime } from '../runtime.ts';
import { forwardProgram, range } from './dualForward.ts';
import { finishProgram, finishSize, gradientsProgram, gradientTiles, ROWS_PER_PART } from './dualGradients.ts';
import { reverseProgram } from './dualReverse.ts';
import { layerForward } from './layerForward.ts';
import { layerGroups, layerTiling } from './layerProduct.ts';
import { layerReverse } from './layerReverse.ts';
import { MAX_GROUPS, networkOf, wholeTiling, type Network, type Tiling, type WholeTiling } from './network.ts';
import { gateNames, type PackedNetworks } from './pack.ts';
import { elementGroups, type GpuQueue } from './queue.ts';

/** An operand or result of a fused kernel; one without elements has no data. */
export type Block = Info | undefined;

/** A whole dual pass to run: its network, how it is cut, and what was packed of its tensors. */
interface Pass {
  readonly network: Network;
  readonly tiling: Tiling;
  /** The cut where one workgroup takes its samples through the whole network; without it a pass goes layer by layer. */
  readonly whole: WholeTiling | undefined;
  readonly packed: Info;
  readonly batch: number;
  readonly count: number;
  readonly x: Info;
  readonly dx: Block;
}

export interface DualMlp {
  readonly forward: (inputs: readonly Block[], shapes: readonly Shape[], params: DualMlpParams) => Block[] | undefined;
  /** The reverse pass, with or without the results of the forward pass before it. */
  readonly reverse: (
    withValues: boolean,
  ) => (inputs: readonly Block[], shapes: readonly Shape[], params: DualMlpParams) => Block[] | undefined;
}

/**
 * The fused dual pass and its reverse pass. A pass is one dispatch, or one for each layer of a wide network; the reverse pass is one that keeps
 * the hidden activations, one back through them, one for all weights' gradients, and one for each layer to add up their parts.
 */
export function dualMlpKernels(rt: Runtime, queue: GpuQueue, networks: PackedNetworks): DualMlp {
  const passOf = (
    [x, dx, ...tensors]: readonly Block[],
    [xShape, dxShape, ...shapes]: readonly Shape[],
    params: DualMlpParams,
  ): Pass | undefined => {
    const network = x && networkOf(shapes, params);
    const [batch, count] = [xShape![0]!, dxShape![0]!];
    if (!network) return undefined;
    const whole = wholeTiling(network, batch, count);
    const tiling = whole ?? layerTiling(batch, count);
    const groups = whole ? tiling.groups : layerGroups(tiling, network.maxWidth);
    const floats = (1 + count + tiling.groups[1]) * batch * Math.max(2 * network.columns, network.maxWidth);
    if (groups.some((n) => n > MAX_GROUPS) || !queue.fits(floats) || !queue.fits(4 * network.packed)) return undefined;
    return { network, tiling, whole, packed: networks.of(network, tensors as Info[]), batch, count, x, dx };
  };

  const keptOf = ({ network, batch, count }: Pass): Info => queue.scratch(2 * (1 + count) * batch * network.columns);

  const valuesOf = ({ network, batch, count }: Pass): Block[] => {
    const { out } = network.layers.at(-1)!;
    return [queue.output([batch, out]), count > 0 ? queue.output([count, batch, out]) : undefined];
  };

  const runForward = (pass: Pass, values: readonly Block[], kept: Block): void => {
    const { network, tiling, whole, packed, batch, count, x, dx } = pass;
    if (whole) {
      return queue.run({
        program: forwardProgram(network, whole, kept !== undefined),
        reads: present([packed, x, dx]),
        writes: present([...values, kept]),
        uniforms: [batch, count],
        groups: whole.groups,
      });
    }
    const last = network.layers.length - 1;
    const between = kept ?? keptOf(pass);
    for (const l of range(last + 1)) {
      queue.run({
        ...layerForward(network, l, tiling, [batch, count]),
        reads: present([packed, ...(l === 0 ? [x, dx] : [])]),
        writes: present([...(l === last ? values : []), last > 0 ? between : undefined]),
      });
    }
  };

  const runReverse = (
    { network, tiling, whole, packed, batch, count }: Pass,
    given: readonly Block[],
    kept: Info,
    results: readonly Block[],
    cotangents: Info,
  ): void => {
    if (whole) {
      return queue.run({
        program: reverseProgram(network, whole),
        reads: present([packed, ...given, kept]),
        writes: present([...results, cotangents]),
        uniforms: [batch, count, whole.groups[1]],
        groups: whole.groups,
      });
    }
    const last = network.layers.length - 1;
    for (const l of range(last + 1).reverse()) {
      queue.run({
        ...layerReverse(network, l, tiling, [batch, count]),
        reads: present([packed, ...(l === last ? given : []), l > 0 ? kept : undefined]),
        writes: present([...(l === 0 ? results : []), last > 0 ? cotangents : undefined]),
      });
    }
  };

  return {
    forward(inputs, shapes, params) {
      const pass = passOf(inputs, shapes, params);
      if (!pass) return undefined;
      const values = valuesOf(pass);
      runForward(pass, values, undefined);
      return values;
    },

    reverse: (withValues) => (all, allShapes, params) => {
      const [ct, dct, ...inputs] = all;
      const shapes = allShapes.slice(2);
      const pass = passOf(inputs, shapes, params);
      if (!pass) return undefined;
      const { network, tiling, batch, count, packed, x, dx } = pass;
      const parts = tiling.groups[1];
      const rows = (parts + count) * batch;
      const rowParts = Math.ceil(rows / ROWS_PER_PART);
      if (!queue.fits(rowParts * network.gradients)) return undefined;

      const kept = keptOf(pass);
      const values = valuesOf(pass);
      if (!withValues) present(values).forEach((block) => rt.temporary(block));
      if (withValues || network.columns > 0) runForward(pass, values, kept);

      const gx = queue.output(parts === 1 ? shapes[0]! : [parts, ...shapes[0]!]);
      const gdx = count > 0 ? queue.output(shapes[1]!) : undefined;
      const cotangents = queue.scratch(rows * network.columns);
      runReverse(pass, [ct, dct], kept, [gx, gdx], cotangents);

      const partial = queue.scratch(rowParts * network.gradients);
      queue.run({
        program: gradientsProgram(network, count > 0),
        reads: present([x, dx, ct, dct, kept, cotangents]),
        writes: [partial],
        uniforms: [batch, count, parts],
        groups: [gradientTiles(network), rowParts],
      });
      const gradients = network.layers.flatMap((layer) => {
        const { into, out, has } = layer;
        const writes = [queue.output([out, into]), ...gateNames(has).map(() => queue.output([out]))];
        const size = finishSize(layer);
        queue.run({
          program: finishProgram(has),
          reads: [packed, partial],
          writes,
          uniforms: [size, into, out, layer.transposed, layer.gates, layer.gradient, network.gradients, rowParts],
          groups: elementGroups(size),
        });
        return writes;
      });
      const sum = parts === 1 ? gx : reduce(rt, 'sum', rt.temporary(gx), [0], shapes[0]!);
      return [...(withValues ? values : []), sum, gdx, ...gradients];
    },
  };
}

function present(blocks: readonly Block[]): Info[] {
  return blocks.filter((block) => block !== undefined);
}
