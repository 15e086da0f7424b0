import { mapTree, mul } from '@sparseflow/tensor';
import type { Params, Tensor } from '@sparseflow/tensor';

export { chain, chainNeurons, chainObjective } from '../src/trial.ts';

export function sizeOf(params: Params): number {
  return Object.values(params).reduce((n, { size }) => n + size, 0);
}

/** The mask of a parameter as plain numbers: ones where there is none. */
export async function maskOf(params: Params, masks: Params, name: string): Promise<number[]> {
  return Array.from((await masks[name]?.data()) ?? new Array<number>(params[name]!.size).fill(1));
}

/** All masks, one after another. */
export async function flatMask(params: Params, masks: Params): Promise<number[]> {
  return (await Promise.all(Object.keys(params).map((name) => maskOf(params, masks, name)))).flat();
}

export async function flatValues(params: Params): Promise<number[]> {
  return (await Promise.all(Object.values(params).map(async (x) => Array.from(await x.data())))).flat();
}

/** The same parameters at half their size: as if training had doubled them. */
export function halved(params: Params): Record<string, Tensor> {
  return mapTree({ ...params }, (x) => mul(x, 0.5));
}
