import { cnf, evaluateNll, exact, hutchinson, type Field } from '@sparseflow/cnf';
import { toTensor } from '@sparseflow/datasets';
import { disposeTree, randomNormal, tensor, type Backend, type Params, type Tensor } from '@sparseflow/tensor';
import type { Settings } from '../settings.ts';
import { fieldOnGrid, gridCentres, PARTICLES, TIMES, type Drawn, type Look, type Model } from './model.ts';

const SAMPLES = 2000;

/** Density estimation by a continuous normalizing flow. */
export function density(field: Field, { tolerance, trace }: Settings, backend: Backend): Omit<Model, 'resize'> {
  const flow = cnf({ field, rtol: tolerance, atol: tolerance });
  const divergence = trace === 'exact' ? exact() : hutchinson({ noise: 'rademacher' });

  const draw: Readonly<Record<Look['view'], (params: Params, look: Look) => Promise<Drawn>>> = {
    async density(params, { side, extent }) {
      const { perPoint } = await evaluateNll(flow, params, gridCentres(side, extent), { backend });
      return { side, values: Float32Array.from(perPoint, (value) => -value) };
    },
    async samples(params, { key }) {
      const x = await flow.sample(params, SAMPLES, { key, backend });
      return { side: 0, values: new Float32Array(0), samples: await taken(x) };
    },
    field: (params, look) => fieldOnGrid(field, params, look, backend),
    async trajectories(params, { key }) {
      const noise = randomNormal(key, [PARTICLES, 2], { backend });
      const times = TIMES.toReversed();
      const states = await flow.trajectory(params, noise, times).finally(() => noise.dispose());
      return { side: 0, values: new Float32Array(0), paths: { times, count: PARTICLES, values: await joined(states) } };
    },
  };

  return {
    neurons: flow.neurons,
    init: (key) => flow.init(key, { backend }),
    async lossAndGrad(params, batch, key) {
      const x = toTensor(batch, { backend });
      return flow.lossAndGrad(params, x, { divergence, key }).finally(() => x.dispose());
    },
    async measure(params, { points }) {
      const { nll, standardError } = await evaluateNll(flow, params, points, { backend });
      return { nll, standardError };
    },
    look: (params, look) => draw[look.view](params, look),
    async frozenLoss(params, { points, count, dim }, signal) {
      const x = tensor(points, { backend, shape: [count, dim] });
      try {
        const frozen = await flow.frozenLoss(params, x, { divergence: exact(), signal });
        return {
          ...frozen,
          dispose() {
            frozen.dispose();
            x.dispose();
          },
        };
      } catch (error) {
        x.dispose();
        throw error;
      }
    },
  };
}

/** Downloads a tensor and frees it. */
async function taken(x: Tensor): Promise<Float32Array> {
  try {
    return Float32Array.from(await x.data());
  } finally {
    x.dispose();
  }
}

/** Downloads states, one behind the other, and frees them. */
export async function joined(states: readonly Tensor[]): Promise<Float32Array> {
  try {
    const parts = await Promise.all(states.map((state) => state.data()));
    return Float32Array.from(parts.flatMap((part) => [...part]));
  } finally {
    disposeTree(states);
  }
}
