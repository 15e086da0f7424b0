import type { Pruner } from '../pruner.ts';
import { activationSensitivity } from './activationSensitivity.ts';
import { fisher } from './fisher.ts';
import { fpgm } from './fpgm.ts';
import { lamp } from './lamp.ts';
import { magnitude } from './magnitude.ts';
import { magnitudeLocal } from './magnitudeLocal.ts';
import { movement } from './movement.ts';
import { neuronNorm } from './neuronNorm.ts';
import { neuronNormL2 } from './neuronNormL2.ts';
import { obd } from './obd.ts';
import { randomNeurons } from './randomNeurons.ts';
import { randomWeights } from './randomWeights.ts';
import { snip } from './snip.ts';
import { taylor } from './taylor.ts';
import { taylorNeurons } from './taylorNeurons.ts';

/** Every built-in pruner. A new one is a file beside this one and a line here: tests, command line and documentation read this list. */
export const pruners: readonly Pruner[] = [
  magnitude,
  magnitudeLocal,
  lamp,
  movement,
  snip,
  taylor,
  fisher,
  obd,
  activationSensitivity,
  randomWeights,
  neuronNorm,
  neuronNormL2,
  fpgm,
  taylorNeurons,
  randomNeurons,
];
