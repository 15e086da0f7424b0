import { ValueError } from '@sparseflow/tensor';
import { flow, type Flow } from './flow.ts';
import type { OdeNetOptions } from './fields/layers/network.ts';
import { odeNet } from './fields/odeNet.ts';
import { compose } from './transforms/compose.ts';
import { continuous, type ContinuousOptions } from './transforms/continuous.ts';
import { factorOut } from './transforms/factorOut.ts';
import { logit } from './transforms/logit.ts';
import { movingBatchNorm } from './transforms/movingBatchNorm.ts';
import { squeezed, squeezeImage, type ImageShape } from './transforms/squeeze.ts';
import type { Transform } from './transforms/transform.ts';
import { zeroMean } from './transforms/zeroMean.ts';

/** What every block of a flow has in common; the end time is trained unless it says otherwise. */
type BlockOptions = Omit<ContinuousOptions, 'field'>;
type NetOptions = Pick<OdeNetOptions, 'hidden' | 'activation'> & Partial<Pick<OdeNetOptions, 'layer' | 'context'>>;

export interface StackedFlowOptions extends BlockOptions, NetOptions {
  readonly dim: number;
  /** Default 1. */
  readonly blocks?: number;
  /** Before, between and after the blocks. Default false, as in the paper. */
  readonly batchNorm?: boolean;
}

/**
 * FFJORD's flow for vectors: stacked blocks of concatsquash nets, each with its own trained end time (Grathwohl et al. 2019, section 4.2).
 * The paper's tables are of these.
 *
 * @example
 * ```ts
 * import { stackedFlow } from '@sparseflow/cnf';
 * import { key } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 *
 * const power = stackedFlow({ dim: 6, hidden: [60, 60, 60], blocks: 5, activation: 'tanh', rtol: 1e-6, atol: 1e-8 });
 * const params = power.init(key(0), { backend: createReferenceBackend() });
 * console.log(Object.values(params).reduce((n, { size }) => n + size, 0)); // 43325: the paper's 43.3K
 * ```
 */
export function stackedFlow(options: StackedFlowOptions): Flow {
  const { dim, hidden, activation, layer = 'concatsquash', context, blocks = 1, batchNorm = false, ...block } = options;
  const field = odeNet({ shape: dim, hidden, activation, layer, ...(context !== undefined && { context }) });
  if (!Number.isInteger(blocks) || blocks < 1)
    throw new ValueError('stackedFlow', `${blocks} blocks`, 'give a positive integer');
  const stack = Array.from({ length: blocks }, () => continuous({ trainTime: true, ...block, field }));
  const norm = (): Transform => movingBatchNorm({ dim });
  return flow(compose(batchNorm ? [norm(), ...stack.flatMap((each) => [each, norm()])] : stack));
}

export interface MultiscaleFlowOptions extends BlockOptions, NetOptions {
  /** [height, width, channels] of an image, whose intensities lie in [0, 1]. */
  readonly shape: ImageShape;
  /** Before and after each squeeze. Default 2. */
  readonly blocks?: number;
  /** Default: as long as the sides are at least 4. */
  readonly scales?: number;
  /** How intensities are spread over the line. Default `logit`, with α 1e-6. */
  readonly first?: 'logit' | 'zeroMean' | 'none';
  readonly alpha?: number;
}

/**
 * FFJORD's multi-scale flow for images (`ODENVP` of its published code): at each scale blocks of concat convolutions, a squeeze, blocks
 * again, and half of the channels factored out; at the last one blocks alone. It takes and gives flattened images [batch, h · w · c].
 *
 * @throws {ValueError} for sides that are too short or cannot be halved as often
 *
 * @example
 * ```ts
 * import { multiscaleFlow } from '@sparseflow/cnf';
 * import { key } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 *
 * const mnist = multiscaleFlow({ shape: [28, 28, 1], hidden: [64, 64, 64], activation: 'softplus' });
 * const params = mnist.init(key(0), { backend: createReferenceBackend() });
 * console.log(mnist.dim, Object.values(params).reduce((n, { size }) => n + size, 0)); // 784, 800646: the paper's 801K
 * ```
 */
export function multiscaleFlow(options: MultiscaleFlowOptions): Flow {
  const { shape, blocks = 2, first = 'logit', alpha = 1e-6, scales = scalesOf(shape), ...rest } = options;
  const { hidden, activation, layer = 'concat', context, ...block } = rest;
  if (!(scales >= 1))
    throw new ValueError(
      'multiscaleFlow',
      `an image of ${shape[0]} × ${shape[1]}`,
      'give sides of at least 4, or scales',
    );
  const blocksFor = (size: ImageShape): Transform[] => {
    const field = odeNet({ shape: size, hidden, activation, layer, ...(context !== undefined && { context }) });
    return Array.from({ length: blocks }, () => continuous({ trainTime: true, ...block, field }));
  };
  const from = (size: ImageShape, scale: number): Transform[] => {
    if (scale === scales - 1) return blocksFor(size);
    const [height, width, channels] = squeezed(size);
    const inner = compose(from([height, width, channels / 2], scale + 1));
    return [
      ...blocksFor(size),
      squeezeImage(size),
      ...blocksFor([height, width, channels]),
      factorOut([height, width, channels], inner),
    ];
  };
  const dim = shape[0] * shape[1] * shape[2];
  const spread = { logit: [logit({ dim, alpha })], zeroMean: [zeroMean({ dim })], none: [] }[first];
  return flow(compose([...spread, ...from(shape, 0)]));
}

function scalesOf([height, width]: ImageShape): number {
  return Math.floor(Math.log2(Math.min(height, width) / 4)) + 1;
}
