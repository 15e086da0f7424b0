import type { DualMlpParams, Shape } from '@sparseflow/tensor';
import { reduce } from '../kernels/reduce.ts';
import type { Info, Runtime } from '../runtime.ts';
import { forwardProgram } from './dualForward.ts';
import { finishProgram, finishSize, gradientsProgram, gradientTiles, ROWS_PER_PART } from './dualGradients.ts';
import { reverseProgram } from './dualReverse.ts';
import { networkOf, tilingOf, type Network, type Tiling } from './network.ts';
import { gateNames, type PackedNetworks } from './pack.ts';
import { elementGroups, type GpuQueue } from './queue.ts';

/** An operand or result of a fused kernel; one without elements has no data. */
export type Block = Info | undefined;

/** A whole dual pass to run: its network, how it is cut, and what was packed of its tensors. */
interface Pass {
  readonly network: Network;
  readonly tiling: Tiling;
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
 * The fused dual pass and its reverse pass. A pass is one dispatch; the reverse pass is one that keeps the hidden activations, one back through
 * them, one for all weights' gradients, and one for each layer to add up their parts.
 */
export function dualMlpKernels(rt: Runtime, queue: GpuQueue, networks: PackedNetworks): DualMlp {
  const passOf = (
    [x, dx, ...tensors]: readonly Block[],
    [xShape, dxShape, ...shapes]: readonly Shape[],
    params: DualMlpParams,
  ): Pass | undefined => {
    const network = x && networkOf(shapes, params);
    const [batch, count] = [xShape![0]!, dxShape![0]!];
    const tiling = network && tilingOf(network, batch, count);
    if (
      !network ||
      !tiling ||
      !queue.fits((1 + count + tiling.groups[1]) * batch * Math.max(2 * network.columns, network.maxWidth))
    )
      return undefined;
    return { network, tiling, packed: networks.of(network, tensors as Info[]), batch, count, x, dx };
  };

  const valuesOf = ({ network, batch, count }: Pass): Block[] => {
    const { out } = network.layers.at(-1)!;
    return [queue.output([batch, out]), count > 0 ? queue.output([count, batch, out]) : undefined];
  };

  const runForward = (pass: Pass, values: readonly Block[], kept: Block): void => {
    const { network, tiling, packed, batch, count, x, dx } = pass;
    queue.run({
      program: forwardProgram(network, tiling, kept !== undefined),
      reads: present([packed, x, dx]),
      writes: present([...values, kept]),
      uniforms: [batch, count],
      groups: tiling.groups,
    });
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
      const { network, tiling, packed, batch, count, x, dx } = pass;
      const parts = tiling.groups[1];
      const rows = (parts + count) * batch;
      const rowParts = Math.ceil(rows / ROWS_PER_PART);
      if (!queue.fits(rowParts * network.gradients)) return undefined;

      const kept = queue.scratch(2 * (1 + count) * batch * network.columns);
      const values = valuesOf(pass);
      if (!withValues) present(values).forEach((block) => rt.temporary(block));
      if (withValues || network.columns > 0) runForward(pass, values, kept);

      const gx = queue.output(parts === 1 ? shapes[0]! : [parts, ...shapes[0]!]);
      const gdx = count > 0 ? queue.output(shapes[1]!) : undefined;
      const cotangents = queue.scratch(rows * network.columns);
      queue.run({
        program: reverseProgram(network, tiling),
        reads: present([packed, ct, dct, kept]),
        writes: present([gx, gdx, cotangents]),
        uniforms: [batch, count, parts],
        groups: tiling.groups,
      });

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
