import type { Pruner } from '../pruner.ts';
import { magnitude } from './magnitude.ts';
import { neuronNorm } from './neuronNorm.ts';
import { randomNeurons } from './randomNeurons.ts';
import { randomWeights } from './randomWeights.ts';

/** Every built-in pruner. A new one is a file beside this one and a line here: tests, command line and documentation read this list. */
export const pruners: readonly Pruner[] = [magnitude, neuronNorm, randomWeights, randomNeurons];
