import { blend } from './blend.ts';
import { concat } from './concat.ts';
import { concatCoord } from './concatCoord.ts';
import { concatSquash } from './concatSquash.ts';
import { concatV2 } from './concatV2.ts';
import { hyper } from './hyper.ts';
import { ignore } from './ignore.ts';
import type { LayerKind } from './layer.ts';
import { squash } from './squash.ts';

/** How a layer depends on time, by the names of FFJORD (Grathwohl et al. 2019, its published code). */
export type LayerName =
  'ignore' | 'concat' | 'concat_v2' | 'squash' | 'concatsquash' | 'blend' | 'hyper' | 'concatcoord';

/** Every kind of layer that a net can name. */
export const layerKinds: Readonly<Record<LayerName, LayerKind>> = {
  ignore,
  concat,
  concat_v2: concatV2,
  squash,
  concatsquash: concatSquash,
  blend,
  hyper,
  concatcoord: concatCoord,
};
