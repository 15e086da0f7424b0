import { mix } from '../rungeKutta.ts';
import type { ReversibleMethod } from './method.ts';

/**
 * The asynchronous leapfrog method, order 2, one evaluation a step forwards and one to undo it.
 *
 * Source: Zhuang, Dvornek, Tatikonda & Duncan 2021, MALI: a memory efficient and reverse accurate integrator for neural ODEs.
 */
export const alf: ReversibleMethod = {
  name: 'alf',
  order: 2,
  start: (f, t, y) => f(t, y),
  step(f, { t, dt }, { y, z }) {
    const middle = mix([y, z], [1, dt / 2]);
    const z1 = mix([f(t + dt / 2, middle), z], [2, -1]);
    return { y: mix([middle, z1], [1, dt / 2]), z: z1 };
  },
  back(f, { t, dt }, { y, z }) {
    const middle = mix([y, z], [1, -dt / 2]);
    const z0 = mix([f(t + dt / 2, middle), z], [2, -1]);
    return { y: mix([middle, z0], [1, -dt / 2]), z: z0 };
  },
};
