import type { Study } from '../study.ts';
import { ablationActivation, ablationModel, ablationOptimizer, ablationSolver } from './ablations.ts';
import { bsds300 } from './bsds300.ts';
import { cifar10 } from './cifar10.ts';
import { exactTrace } from './exact-trace.ts';
import { gas } from './gas.ts';
import { gaussians } from './gaussians.ts';
import { gaussiansSpiral } from './gaussians-spiral.ts';
import { hepmass } from './hepmass.ts';
import { hessian } from './hessian.ts';
import { miniboone } from './miniboone.ts';
import { mnist } from './mnist.ts';
import { modeCollapse } from './mode-collapse.ts';
import { modeCollapseMnist } from './mode-collapse-mnist.ts';
import { moons } from './moons.ts';
import { power } from './power.ts';
import { spirals } from './spirals.ts';
import { vectorField } from './vector-field.ts';

/** Every study that can be run. The command line, the tests and the pages read this list. */
export const studies: readonly Study[] = [
  gaussians,
  gaussiansSpiral,
  spirals,
  moons,
  modeCollapse,
  modeCollapseMnist,
  hessian,
  vectorField,
  ablationActivation,
  ablationModel,
  ablationOptimizer,
  ablationSolver,
  exactTrace,
  power,
  gas,
  hepmass,
  miniboone,
  bsds300,
  mnist,
  cifar10,
];
