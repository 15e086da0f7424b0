import { linkSync, lstatSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import * as v from 'valibot';
import { UsageError } from '../errors.ts';

export const lockName = '.lock.json';

const ownerSchema = v.object({ pid: v.pipe(v.number(), v.integer(), v.minValue(1)), host: v.string() });

/**
 * Claims a directory for this process, so that two runs do not write into it at once. A lock whose process is gone is taken over.
 *
 * @returns a function that gives the directory back.
 * @throws UsageError when another process holds it, or something lies there that is no lock.
 */
export function lockDirectory(directory: string): () => void {
  mkdirSync(directory, { recursive: true });
  const path = join(directory, lockName);
  const mine = `${JSON.stringify({ pid: process.pid, host: hostname(), since: new Date().toISOString() })}\n`;
  for (let attempt = 0; ; attempt++) {
    try {
      createWhole(path, mine);
      return () => {
        // Only what is still ours: a person may have deleted the lock and another run taken the directory since.
        if (isLockOf(path, mine)) rmSync(path, { force: true });
      };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const found = readLock(path);
    if (found === null) continue;
    if (attempt > 2 || !isAbandoned(found)) {
      throw new UsageError(
        `${directory} is in use by another run (${describe(found)})`,
        `wait for it, choose another --out, or delete ${path} if no run is alive`,
      );
    }
    takeAside(path, found);
  }
}

/** Creates a file that must not exist, complete from its first moment: another run never sees half a lock. */
function createWhole(path: string, text: string): void {
  const whole = `${path}.new.${process.pid}`;
  try {
    writeFileSync(whole, text);
    linkSync(whole, path);
  } catch (error) {
    // The system names the file when it cannot be opened, not when it cannot be written.
    throw Object.assign(error as Error, { path });
  } finally {
    rmSync(whole, { force: true });
  }
}

/** Removes exactly the lock that was found abandoned: of two runs that see it at once, one renames it and the other finds it gone. */
function takeAside(path: string, found: string): void {
  const aside = `${path}.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  if (readFileSync(aside, 'utf8') === found) rmSync(aside);
  else renameSync(aside, path);
}

function isAbandoned(text: string): boolean {
  const owner = parseOwner(text);
  // Locks are created whole, so one that cannot be read is not ours to judge.
  if (owner === undefined || owner.host !== hostname()) return false;
  try {
    process.kill(owner.pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

function describe(text: string): string {
  const owner = parseOwner(text);
  return owner === undefined ? 'unreadable lock' : `process ${owner.pid} on ${owner.host}`;
}

function parseOwner(text: string): v.InferOutput<typeof ownerSchema> | undefined {
  try {
    const parsed = v.safeParse(ownerSchema, JSON.parse(text));
    return parsed.success ? parsed.output : undefined;
  } catch {
    return undefined;
  }
}

function isLockOf(path: string, mine: string): boolean {
  try {
    return readFileSync(path, 'utf8') === mine;
  } catch {
    return false;
  }
}

/**
 * What is written in a lock; null where it is gone again.
 *
 * @throws UsageError for what stays in the way however often one looks: a directory, a link that leads nowhere, a file of somebody else.
 */
function readLock(path: string): string | null {
  let reason: string;
  try {
    if (lstatSync(path).isFile()) return readFileSync(path, 'utf8');
    reason = 'is not a file';
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return null;
    reason = `cannot be read (${code ?? String(error)})`;
  }
  throw new UsageError(
    `${path}, the lock of this directory, ${reason}`,
    'remove it if no run is alive, or choose another --out',
  );
}
