import { abs, add } from '@sparseflow/tensor';
import { concatV2 } from './concatV2.ts';
import type { LayerKind } from './layer.ts';
import { squash } from './squash.ts';

/** u = (W h + b) · σ(t · g + c) + t · s: time scales and shifts the units. The paper's layer for tabular data. */
export const concatSquash: LayerKind = {
  parameters: (map) => ({ ...squash.parameters(map), ...concatV2.parameters(map) }),
  at: (p, t, map) => ({ ...squash.at(p, t, map), ...concatV2.at(p, t, map) }),
  drift: (p) => add(abs(squash.drift!(p)), abs(concatV2.drift!(p))),
};
