import type { Masks, Params } from '@sparseflow/tensor';
import { PruningError } from './errors.ts';
import { countLive, downloadMasks, uploadMasks } from './masks.ts';
import type { HostMasks } from './masks.ts';

/** What a model lost, step by step. Plain JSON. */
export interface PruningHistory {
  readonly version: 1;
  /** The parameters' shapes: the model that it belongs to. */
  readonly parameters: Readonly<Record<string, readonly number[]>>;
  readonly steps: readonly PruningStep[];
}

export interface PruningStep {
  /** Whatever says how it came to be: the pruner's name, the ratio, the seed, metrics. */
  readonly note: Readonly<Record<string, string | number | boolean>>;
  /** Entries that went in this step, in row-major order, as runs: start, length, start, length, … */
  readonly removed: Readonly<Record<string, readonly number[]>>;
  /** Entries of the model that are left after it. */
  readonly size: number;
}

/**
 * Adds a step to a history: what `masks` removes and the steps before do not. Start with `undefined`, for a model that was never pruned.
 *
 * @throws {PruningError} when the masks bring back what was pruned, or masks or history do not fit the parameters
 *
 * @example
 * ```ts
 * import { magnitude, prune, recordPruning, replayPruning } from '@sparseflow/pruning';
 * import { ones, tensor } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 *
 * const backend = createReferenceBackend();
 * const params = { weight: tensor([[1, 5, 4, 2]], { backend }) };
 * const { masks } = await prune(params, undefined, magnitude, { keep: 0.5 });
 * const history = await recordPruning(undefined, params, masks, { pruner: 'magnitude', keep: 0.5 });
 * console.log(JSON.stringify(history.steps[0]!.removed)); // {"weight":[0,1,3,1]}
 * const again = replayPruning(JSON.parse(JSON.stringify(history)), { weight: ones([1, 4], { backend }) });
 * console.log(await again['weight']!.data()); // 0, 1, 1, 0
 * ```
 */
export async function recordPruning(
  history: PruningHistory | undefined,
  params: Params,
  masks: Masks,
  note: PruningStep['note'] = {},
): Promise<PruningHistory> {
  const before =
    history !== undefined
      ? replayOnHost('recordPruning', history, params)
      : await downloadMasks('recordPruning', params);
  const after = await downloadMasks('recordPruning', params, masks);
  const removed: Record<string, number[]> = {};
  for (const [name, mask] of Object.entries(after)) {
    const runs: number[] = [];
    mask.forEach((m, i) => {
      if (m > before[name]![i]!) {
        throw new PruningError(
          'recordPruning',
          `'${name}' has entry ${i} back, which an earlier step removed`,
          'start a new history',
        );
      }
      if (m === before[name]![i]) return;
      if (runs.length > 0 && runs.at(-2)! + runs.at(-1)! === i) runs[runs.length - 1]!++;
      else runs.push(i, 1);
    });
    if (runs.length > 0) removed[name] = runs;
  }
  const parameters = Object.fromEntries(Object.entries(params).map(([name, { shape }]) => [name, [...shape]]));
  return { version: 1, parameters, steps: [...(history?.steps ?? []), { note, removed, size: countLive(after) }] };
}

/**
 * The masks after the first `steps` steps of a history (default: all), on any parameters of the same model. New tensors.
 *
 * @throws {PruningError} when the history is of another model, or is damaged
 */
export function replayPruning(history: PruningHistory, params: Params, steps?: number): Masks {
  return uploadMasks(params, replayOnHost('replayPruning', history, params, steps));
}

function replayOnHost(
  where: string,
  history: PruningHistory,
  params: Params,
  count = isHistory(history) ? history.steps.length : 0,
): HostMasks {
  const damaged = (what: string): PruningError => new PruningError(where, what, 'load the history again from its file');
  if (!isHistory(history)) throw damaged('this is no pruning history of version 1');
  if (!Number.isSafeInteger(count) || count < 0 || count > history.steps.length) {
    throw new PruningError(where, `${count} of ${history.steps.length} steps`, 'ask for steps that there are');
  }
  const names = new Set([...Object.keys(history.parameters), ...Object.keys(params)]);
  for (const name of names) {
    const [theirs, ours] = [history.parameters[name], params[name]?.shape].map((shape) => shape && `[${shape}]`);
    if (theirs === ours) continue;
    throw new PruningError(
      where,
      `the history is of another model: '${name}' is ${theirs ?? 'missing'} there and ${ours ?? 'missing'} here`,
      'replay it on a model of the same shapes',
    );
  }
  const live = Object.fromEntries(
    Object.entries(params).map(([name, { size }]) => [name, new Uint8Array(size).fill(1)] as const),
  );
  for (const [i, { removed, size }] of history.steps.slice(0, count).entries()) {
    for (const [name, runs] of Object.entries(removed)) {
      for (let r = 0; r < runs.length; r += 2) {
        const [start, end] = [runs[r]!, runs[r]! + runs[r + 1]!];
        if (!(start >= 0 && end > start && end <= (live[name]?.length ?? 0))) {
          throw damaged(`step ${i} removes entries ${start} to ${end} of '${name}'`);
        }
        live[name]!.fill(0, start, end);
      }
    }
    if (countLive(live) !== size) throw damaged(`step ${i} leaves ${countLive(live)} entries, not ${size}`);
  }
  return live;
}

/** A file may hold anything. */
function isHistory(value: unknown): value is PruningHistory {
  const isRecordOfArrays = (x: unknown): boolean => isRecord(x) && Object.values(x).every(Array.isArray);
  return (
    isRecord(value) &&
    value['version'] === 1 &&
    isRecordOfArrays(value['parameters']) &&
    Array.isArray(value['steps']) &&
    value['steps'].every((step: unknown) => isRecord(step) && isRecordOfArrays(step['removed']))
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
