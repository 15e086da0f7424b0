import { get, set } from 'idb-keyval';
import * as v from 'valibot';
import { modelNames, type KeptModel } from '../protocol.ts';
import { defaultPruning, pruningSchema, settingsSchema, type Pruning, type Settings } from '../settings.ts';

const KEY = 'session';

/** What the browser keeps of the last visit. */
export interface Kept {
  readonly settings: Settings;
  readonly pruning: Pruning;
  readonly models: readonly KeptModel[];
}

const keptSchema = v.object({
  settings: settingsSchema,
  pruning: v.optional(pruningSchema, defaultPruning),
  models: v.array(v.object({ name: v.picklist(modelNames), bytes: v.instance(Uint8Array<ArrayBuffer>) })),
});

/** Replaces what was kept. @throws {DOMException} QuotaExceededError when the browser has no room; what was kept before stays. */
export async function keep(kept: Kept): Promise<void> {
  await set(KEY, kept);
}

/** What was kept, if it is there and still fits. */
export async function lastKept(): Promise<Kept | undefined> {
  try {
    const read = v.safeParse(keptSchema, await get(KEY));
    return read.success ? read.output : undefined;
  } catch {
    return undefined;
  }
}
