import type { OpSpec } from '../spec.ts';
import { binarySpecs } from './binary.ts';
import { layoutSpecs } from './layout.ts';
import { linearSpecs } from './linear.ts';
import { programSpecs } from './programs.ts';
import { reduceSpecs } from './reduce.ts';
import { specialValueSpecs } from './specialValues.ts';
import { unarySpecs } from './unary.ts';

/** Every operation that the suite knows. A new operation is an entry in one of these lists. */
export const specs: readonly OpSpec[] = [
  ...unarySpecs,
  ...binarySpecs,
  ...linearSpecs,
  ...reduceSpecs,
  ...layoutSpecs,
  ...programSpecs,
  ...specialValueSpecs,
];
