import { concatenated } from './concat.ts';
import type { LayerKind } from './layer.ts';

/** On images u = W [h, t, row, column] + b: time and place are three more inputs. On vectors the same as `concat`. */
export const concatCoord: LayerKind = concatenated((map) => 1 + map.coordinates);
