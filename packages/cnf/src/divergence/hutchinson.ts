import { randomNormal, randomRademacher, ValueError } from '@sparseflow/tensor';
import type { RandomTensorOptions } from '@sparseflow/tensor';
import type { Divergence } from './divergence.ts';

export interface HutchinsonOptions {
  /** Default gaussian, as in FFJORD's experiments; rademacher has the smaller variance. */
  readonly noise?: 'gaussian' | 'rademacher';
  /** Probes per sample; the variance falls as 1/count. Default 1. */
  readonly count?: number;
}

/**
 * Hutchinson's unbiased trace estimate E[εᵀ(∂f/∂z)ε] (Grathwohl et al. 2019, eq. 7). The cost does not depend on the dimension.
 *
 * @throws {ValueError} for a count that is not a positive integer
 */
export function hutchinson({ noise = 'gaussian', count = 1 }: HutchinsonOptions = {}): Divergence {
  if (!Number.isInteger(count) || count < 1)
    throw new ValueError('hutchinson', `a count of ${count}`, 'give a positive integer');
  const draw = noise === 'gaussian' ? randomNormal : randomRademacher;
  return {
    name: `hutchinson-${noise}`,
    stochastic: true,
    weight: 1 / count,
    probes(batch, dim, key, options) {
      if (!key)
        throw new ValueError('hutchinson', 'no random key', 'pass { key } with the call, for example { key: key(0) }');
      return draw(key, [count, batch, dim], options as RandomTensorOptions);
    },
  };
}
