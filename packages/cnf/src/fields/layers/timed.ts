import { Tensor, vjp } from '@sparseflow/tensor';
import type { DualLayer, Params } from '@sparseflow/tensor';
import type { Time } from '../../field.ts';
import type { LayerAt, LayerKind } from './layer.ts';
import type { Network } from './network.ts';

/** The layers of a net at one time, and the way back from their cotangents. */
export interface Timed {
  readonly layers: readonly LayerAt[];
  /** Of every parameter, and of the time where that is a tensor. */
  pullback(cotangents: readonly DualLayer[]): { readonly params: Params; readonly t?: Tensor };
}

/**
 * The layers of a dense net whose weights and biases are parameters. Only what depends on time is recorded, so that weights are neither copied
 * nor added to zeros.
 */
export function timed({ maps, paramsOf }: Network, kind: LayerKind, params: Params, t: Time): Timed {
  const own = new Set(maps.flatMap((_, i) => [`layers.${i}.weight`, `layers.${i}.bias`]));
  const others = Object.fromEntries(Object.entries(params).filter(([name]) => !own.has(name)));
  const inTime = ({ others, time }: { others: Params; time: readonly Tensor[] }): Readonly<Record<string, Tensor>>[] =>
    maps.map((map, i) => {
      const { scale, shift } = kind.at(paramsOf({ ...params, ...others }, i), time[0] ?? t, map);
      return { ...(scale && { scale }), ...(shift && { shift }) };
    });
  const { value, pullback } = vjp(inTime, { others, time: t instanceof Tensor ? [t] : [] });
  return {
    layers: value.map(({ scale, shift }, i) => {
      const p = paramsOf(params, i);
      return { weight: p('weight'), bias: p('bias'), ...(scale && { scale }), ...(shift && { shift }) };
    }),
    pullback(cotangents) {
      const given = value.map((computed, i) =>
        Object.fromEntries(Object.keys(computed).map((name) => [name, cotangents[i]![name as 'scale' | 'shift']!])),
      );
      const { others: ofOthers, time } = pullback(given);
      const ofOwn = cotangents.flatMap(({ weight, bias }, i) => [
        [`layers.${i}.weight`, weight] as const,
        [`layers.${i}.bias`, bias!] as const,
      ]);
      return { params: { ...ofOthers, ...Object.fromEntries(ofOwn) }, ...(time[0] && { t: time[0] }) };
    },
  };
}
