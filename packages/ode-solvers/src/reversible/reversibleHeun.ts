import { mix } from '../rungeKutta.ts';
import type { ReversibleMethod } from './method.ts';

/**
 * The reversible Heun method, order 2, two evaluations a step forwards and two to undo it.
 *
 * Source: Kidger, Foster, Li & Lyons 2021, Efficient and accurate gradients for neural SDEs, algorithm 1.
 */
export const reversibleHeun: ReversibleMethod = {
  name: 'reversibleHeun',
  order: 2,
  start: (_f, _t, y) => mix([y], [1]),
  step(f, { t, dt, end }, { y, z }) {
    const f0 = f(t, z);
    const z1 = mix([y, z, f0], [2, -1, dt]);
    return { y: mix([y, f0, f(end, z1)], [1, dt / 2, dt / 2]), z: z1 };
  },
  back(f, { t, dt, end }, { y, z }) {
    const f1 = f(end, z);
    const z0 = mix([y, z, f1], [2, -1, -dt]);
    return { y: mix([y, f1, f(t, z0)], [1, -dt / 2, -dt / 2]), z: z0 };
  },
};
