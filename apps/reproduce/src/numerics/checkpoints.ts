import { mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { decodeCheckpoint, disposeCheckpoint } from '@sparseflow/optim';
import type { Checkpoint } from '@sparseflow/optim';
import { latestOf, saveCheckpoint } from '@sparseflow/optim/node';
import type { Backend, Masks, Params } from '@sparseflow/tensor';
import { createReferenceBackend } from '@sparseflow/tensor/reference';
import * as v from 'valibot';
import type { Slot } from '../results/slots.ts';
import { findSlot } from '../results/slots.ts';

/** What is noted beside the parameters of a trained flow. */
export interface TrainingRecord {
  /** Epochs since the random initialisation, all rounds together. */
  readonly epochs: number;
  /** Field evaluations per training step, mean over the last epoch. */
  readonly nfeForward: number;
  readonly nfeBackward: number;
  /** Time of this round's training. */
  readonly seconds: number;
}

/** A flow after a round of training. Its tensors are the caller's. */
export interface TrainedFlow {
  readonly params: Params;
  readonly masks: Masks;
  readonly record: TrainingRecord;
}

const recordSchema = v.object({
  epochs: v.number(),
  nfeForward: v.number(),
  nfeBackward: v.number(),
  seconds: v.number(),
});
const extension = 'safetensors';

type OnUnusable = (path: string, reason: string) => void;

/** The finished flow at an address, or where to save it. Unreadable files are reported and left alone. */
export function findTrained(
  directory: string,
  address: string,
  backend: Backend,
  onUnusable: OnUnusable,
): Slot<TrainedFlow> {
  return findSlot(directory, address, extension, (path) => readTrained(path, address, backend), onUnusable);
}

export async function saveTrained(
  path: string,
  address: string,
  { params, masks, record }: TrainedFlow,
): Promise<void> {
  await saveCheckpoint(path, { params, masks, metadata: { address, record: JSON.stringify(record) } });
}

/**
 * Where a training that is under way keeps its state: a readable file of it, or a free name. The last of what was saved
 * beside an unreadable file takes that name: training goes on from there.
 */
export function findTrainingState(
  directory: string,
  address: string,
  backend: Backend,
  onUnusable: OnUnusable,
): string {
  mkdirSync(directory, { recursive: true });
  const check = (path: string): true => {
    disposeCheckpoint(read(path, address, backend));
    return true;
  };
  const beside: string[] = [];
  const note: OnUnusable = (path, reason) => {
    onUnusable(path, reason);
    beside.push(...latestOf(path));
  };
  const { path, value } = findSlot(directory, `${address}.training`, extension, check, note);
  if (value !== undefined) return path;
  const newest = beside.reduce((best, file) => (stepsIn(file) > stepsIn(best) ? file : best), path);
  if (newest !== path) renameSync(newest, path);
  // None of them is anything without the file that it lay beside.
  for (const file of [...beside, ...latestOf(path)]) rmSync(file, { force: true });
  return path;

  /** Steps behind a saved state; negative where there is none that can be read. */
  function stepsIn(file: string): number {
    try {
      const state = read(file, address, backend);
      disposeCheckpoint(state);
      return state.cursor?.step ?? 0;
    } catch {
      return -1;
    }
  }
}

/** Whether the finished flow at an address can be read, so that rounds can start from it. */
export function canContinueFrom(directory: string, address: string): boolean {
  const { value } = findTrained(directory, address, createReferenceBackend(), () => undefined);
  return value !== undefined;
}

/** The file of the finished flow at an address, if there is one that can be read; in any case where it would be. */
export function trainedFile(
  directory: string,
  address: string,
  onUnusable: OnUnusable,
): { readonly path: string; readonly isThere: boolean } {
  const { path, value } = findTrained(directory, address, createReferenceBackend(), onUnusable);
  return { path, isThere: value !== undefined };
}

function readTrained(path: string, address: string, backend: Backend): TrainedFlow {
  const checkpoint = read(path, address, backend);
  const record = v.safeParse(recordSchema, JSON.parse(checkpoint.metadata?.['record'] ?? 'null'));
  if (!record.success) {
    disposeCheckpoint(checkpoint);
    throw new Error('it does not say how it was trained');
  }
  return { params: checkpoint.params, masks: checkpoint.masks ?? {}, record: record.output };
}

function read(path: string, address: string, backend: Backend): Checkpoint {
  const checkpoint = decodeCheckpoint(new Uint8Array(readFileSync(path)), { backend, path });
  if (checkpoint.metadata?.['address'] === address) return checkpoint;
  disposeCheckpoint(checkpoint);
  throw new Error('it belongs to another point');
}
