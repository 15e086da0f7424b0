import { appendFileSync, mkdirSync, readFileSync, truncateSync } from 'node:fs';
import { parse } from 'node:path';
import { findSlot } from '../results/slots.ts';
import { decodeEvents, encodeEvent, fileVersion } from './eventFile.ts';

/** Which logs a run keeps. */
export const logFormats = ['none', 'jsonl', 'tensorboard', 'both'] as const;
export type LogFormat = (typeof logFormats)[number];

/** Numbers by name; undefined ones are left out. */
export type Scalars = Readonly<Record<string, number | undefined>>;

/** One line of a log. `step` counts the training steps of this point that are done; for a result, the epochs of all rounds. */
export interface LogRow {
  readonly type: 'step' | 'epoch' | 'result';
  readonly step: number;
  readonly values: Scalars;
  /** Whatever else there is to say; in JSONL only. */
  readonly notes?: Readonly<Record<string, unknown>>;
}

/** The training curve of one point on the disk. */
export interface RunLog {
  /** Rows come in the order of their steps. The first one decides where a resumed log goes on: what was logged beyond it is removed. */
  add(row: LogRow): void;
  /** Brings everything to the disk. To be called before the state that follows it is saved, so that no row is ever missing. */
  flush(): void;
}

/** Where the two logs of a point are; without those that are not kept. */
export interface LogFiles {
  readonly jsonl?: string;
  readonly events?: string;
}

type OnUnusable = (path: string, reason: string) => void;

/**
 * Opens the log of a point. A point that was interrupted goes on from a saved state, which may be older than the end of its log: rows beyond
 * that state are cut off before the first new row, so that each step stands there once.
 *
 * @param header what the run is; the first line of the JSONL file.
 * @param onUnusable told of files in the place of a log that are none; they are left alone, and the log gets the next free name.
 * @param now Unix time in seconds.
 */
export function openRunLog(
  files: LogFiles,
  header: Readonly<Record<string, unknown>>,
  onUnusable: OnUnusable,
  now: () => number = () => Date.now() / 1000,
): RunLog {
  const sinks = [
    ...(files.jsonl === undefined ? [] : [createSink(files.jsonl, jsonlFormat(header), onUnusable)]),
    ...(files.events === undefined ? [] : [createSink(files.events, eventFormat, onUnusable)]),
  ];
  return {
    add(row) {
      if (sinks.length === 0) return;
      const time = Math.round(now() * 1000) / 1000;
      for (const sink of sinks) sink.add(row, time);
    },
    flush: () => sinks.forEach((sink) => sink.flush()),
  };
}

/** How rows look in a file. */
interface Format {
  begin(time: number): Uint8Array;
  encode(row: LogRow, time: number): Uint8Array;
  /** Where each row that is there ends, up to the first that cannot be read; the beginning of the file is one with step 0. */
  decode(
    bytes: Uint8Array,
  ): Iterable<{ readonly type: LogRow['type'] | 'begin'; readonly step: number; readonly end: number }>;
}

function createSink(wanted: string, format: Format, onUnusable: OnUnusable) {
  let pending: Uint8Array[] = [];
  let file: { readonly path: string; length: number } | undefined;

  /** Cuts the file after the last row that comes before `row`. */
  const open = (row: LogRow, time: number): typeof file => {
    const { dir, name, ext } = parse(wanted);
    const { path, value: rows = [] } = findSlot(
      dir,
      name,
      ext.slice(1),
      (found) => readRows(found, format),
      onUnusable,
    );
    const kept = rows.findIndex((other) => !comesBefore(other, row));
    const length = rows.at(kept === -1 ? -1 : kept - 1)?.end ?? 0;
    mkdirSync(dir, { recursive: true });
    if (rows.length > 0) truncateSync(path, length);
    if (length === 0) pending.push(format.begin(time));
    return { path, length };
  };

  return {
    add(row: LogRow, time: number): void {
      file ??= open(row, time);
      pending.push(format.encode(row, time));
    },
    flush(): void {
      if (file === undefined || pending.length === 0) return;
      const bytes = Buffer.concat(pending);
      try {
        appendFileSync(file.path, bytes);
      } catch (error) {
        // A full disk takes a part; the rows stay pending, whole.
        truncateSync(file.path, file.length);
        throw Object.assign(error as Error, { path: file.path });
      }
      file.length += bytes.length;
      pending = [];
    },
  };
}

/** The rows of a log that was begun before. */
function readRows(path: string, format: Format): { type: keyof typeof rank; step: number; end: number }[] {
  const rows = [...format.decode(readFileSync(path))];
  if (rows[0]?.type !== 'begin') throw new Error('it does not begin as a log does');
  return rows;
}

const rank = { begin: 0, step: 1, epoch: 2, result: 3 } as const;

/** The order of rows: by step; at the same step first the step, then its epoch. The result comes last, and there is one. */
function comesBefore(
  a: { readonly type: keyof typeof rank; readonly step: number },
  b: { readonly type: LogRow['type']; readonly step: number },
): boolean {
  if (a.type === 'begin') return true;
  if (a.type === 'result' || b.type === 'result') return b.type === 'result' && a.type !== 'result';
  return a.step < b.step || (a.step === b.step && rank[a.type] < rank[b.type]);
}

function jsonlFormat(header: Readonly<Record<string, unknown>>): Format {
  const line = (value: unknown): Uint8Array => new TextEncoder().encode(`${JSON.stringify(value)}\n`);
  return {
    begin: (time) => line({ type: 'run', ...header, time }),
    // JSON knows no NaN and no infinities: they become null.
    encode: ({ type, step, values, notes }, time) => line({ type, step, ...values, ...notes, time }),
    *decode(bytes) {
      for (let start = 0; ;) {
        const newline = bytes.indexOf(10, start);
        if (newline === -1) return;
        const row = parseRow(new TextDecoder().decode(bytes.subarray(start, newline)), start === 0);
        if (row === undefined) return;
        start = newline + 1;
        yield { ...row, end: start };
      }
    },
  };
}

function parseRow(
  text: string,
  first: boolean,
): { readonly type: LogRow['type'] | 'begin'; readonly step: number } | undefined {
  try {
    const { type, step } = JSON.parse(text) as { readonly type?: unknown; readonly step?: unknown };
    if (first) return type === 'run' ? { type: 'begin', step: 0 } : undefined;
    return (type === 'step' || type === 'epoch' || type === 'result') && typeof step === 'number'
      ? { type, step }
      : undefined;
  } catch {
    return undefined;
  }
}

/** Tags are `step/loss`, `epoch/loss`, `result/testNll`: TensorBoard groups charts by what is before the slash. */
const eventFormat: Format = {
  begin: (wallTime) => encodeEvent({ wallTime, step: 0, scalars: {}, fileVersion }),
  encode({ type, step, values }, wallTime) {
    const scalars = Object.entries(values).flatMap(([name, value]) =>
      value === undefined ? [] : [[`${type}/${name}`, value] as const],
    );
    return encodeEvent({ wallTime, step, scalars: Object.fromEntries(scalars) });
  },
  *decode(bytes) {
    for (const { event, end } of decodeEvents(bytes)) {
      if (event.fileVersion !== undefined) {
        yield { type: 'begin', step: 0, end };
        continue;
      }
      const type = Object.keys(event.scalars)[0]?.split('/')[0];
      if (type !== 'step' && type !== 'epoch' && type !== 'result') return;
      yield { type, step: event.step, end };
    }
  },
};
