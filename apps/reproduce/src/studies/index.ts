import type { Study } from '../study.ts';
import { ablationActivation, ablationModel, ablationOptimizer, ablationSolver } from './ablations.ts';
import { exactTrace } from './exact-trace.ts';
import { gaussians } from './gaussians.ts';
import { gaussiansSpiral } from './gaussians-spiral.ts';
import { hessian } from './hessian.ts';
import { modeCollapse } from './mode-collapse.ts';
import { moons } from './moons.ts';
import { spirals } from './spirals.ts';
import { vectorField } from './vector-field.ts';

/** Every study that can be run. The command line, the tests and the pages read this list. */
export const studies: readonly Study[] = [
  gaussians,
  gaussiansSpiral,
  spirals,
  moons,
  modeCollapse,
  hessian,
  vectorField,
  ablationActivation,
  ablationModel,
  ablationOptimizer,
  ablationSolver,
  exactTrace,
];
