import type { Solver } from '../solver.ts';
import { adaptiveHeun } from './adaptiveHeun.ts';
import { bosh3 } from './bosh3.ts';
import { dopri5 } from './dopri5.ts';
import { dopri8 } from './dopri8.ts';
import { euler } from './euler.ts';
import { fehlberg2 } from './fehlberg2.ts';
import { fehlberg45 } from './fehlberg45.ts';
import { heun } from './heun.ts';
import { heun3 } from './heun3.ts';
import { midpoint } from './midpoint.ts';
import { ralston } from './ralston.ts';
import { rk4 } from './rk4.ts';
import { rk4Classic } from './rk4Classic.ts';
import { tsit5 } from './tsit5.ts';

/** Every explicit solver by name: what command lines offer and what the shared tests run over. */
export const solvers = {
  dopri5,
  tsit5,
  dopri8,
  fehlberg45,
  bosh3,
  adaptiveHeun,
  fehlberg2,
  rk4,
  rk4Classic,
  heun3,
  ralston,
  heun,
  midpoint,
  euler,
} as const satisfies Readonly<Record<string, Solver>>;

/** The name of a solver in `solvers`. */
export type SolverName = keyof typeof solvers;
