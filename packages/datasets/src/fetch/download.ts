import { DataFileError, DownloadError } from '../errors.ts';
import type { Download } from '../sets/definition.ts';
import { using, type DataStorage } from '../storage/storage.ts';
import { checksumOf } from './checksum.ts';

/** Told how many bytes are there, and of how many when the server says so. */
export type OnProgress = (done: number, total: number | undefined) => void;

/** What asks a server: the platform's `fetch`, or one that goes through a proxy. */
export type Fetch = (url: string, options: { readonly headers: Record<string, string> }) => Promise<Response>;

/** Bytes of a download that is under way; a later try goes on from them. */
const partOf = ({ path }: Download): string => `${path}.part`;

/**
 * Fetches a file beside its place, goes on where an earlier try stopped, and checks it. What does not fit its checksum is removed. Nothing is
 * asked of a server when all is there already.
 *
 * @returns the path of the checked file, to be moved to its place
 * @throws {DownloadError} when the server or the network refuses; what came stays for the next try
 * @throws {DataFileError} when the bytes are not those of the checksum, or cannot be written
 */
export async function download(
  file: Download,
  storage: DataStorage,
  onProgress: OnProgress,
  fetch: Fetch,
): Promise<string> {
  const part = partOf(file);
  if (await isRight(file, storage)) return part;
  const resumed = await receive(file, storage, onProgress, fetch);
  if (await isRight(file, storage)) return part;
  await storage.remove(part);
  // The file at the server may have changed between two tries.
  if (resumed) return download(file, storage, onProgress, fetch);
  const { checksum, url, path } = file;
  throw new DataFileError(
    'checksum',
    storage.describe(path),
    `what ${url} gave does not have the ${checksum.algorithm} ${checksum.hex}, and was removed`,
    'try again; if it stays so, the file there has changed or something between changes it',
  );
}

async function isRight({ checksum, ...file }: Download, storage: DataStorage): Promise<boolean> {
  const part = await storage.open(partOf({ checksum, ...file }));
  if (!part) return false;
  return (await using(part, () => checksumOf(part, checksum.algorithm))) === checksum.hex;
}

/** @returns whether it went on from bytes that were there before */
async function receive(file: Download, storage: DataStorage, onProgress: OnProgress, fetch: Fetch): Promise<boolean> {
  const { url } = file;
  const part = partOf(file);
  const before = await storage.open(part);
  const there = before?.size ?? 0;
  await before?.close();
  const response = await ask(url, there, fetch);
  // As many bytes are there as the server has.
  if (there > 0 && response.status === 416) {
    await response.body?.cancel();
    return true;
  }
  if (!response.ok || !response.body) {
    await response.body?.cancel();
    throw new DownloadError(
      url,
      `the server answers ${response.status} ${response.statusText}`,
      'try again later, or get the file elsewhere',
    );
  }
  if (/^text\/html/i.test(response.headers.get('content-type') ?? '')) {
    await response.body.cancel();
    throw new DownloadError(
      url,
      'a web page came instead of the file',
      'log in to the network, or set HTTPS_PROXY to a proxy that lets the file through',
    );
  }
  const goesOn =
    response.status === 206 && response.headers.get('content-range')?.startsWith(`bytes ${there}-`) === true;
  if (there > 0 && !goesOn) await storage.remove(part);
  const start = goesOn ? there : 0;
  const length = response.headers.get('content-length');
  const total = length === null ? undefined : start + Number(length);
  let done = start;
  const sink = await storage.append(part);
  try {
    for await (const bytes of response.body as unknown as AsyncIterable<Uint8Array>) {
      await sink.write(bytes);
      done += bytes.length;
      onProgress(done, total);
    }
  } catch (cause) {
    if (cause instanceof DataFileError) throw cause;
    throw interrupted(url, done, total, cause);
  } finally {
    await sink.close();
  }
  if (total !== undefined && done < total) throw interrupted(url, done, total, undefined);
  return goesOn;
}

async function ask(url: string, there: number, fetch: Fetch): Promise<Response> {
  try {
    return await fetch(url, {
      headers: { 'accept-encoding': 'identity', ...(there > 0 && { range: `bytes=${there}-` }) },
    });
  } catch (cause) {
    throw new DownloadError(url, ...explain(rootOf(cause as Failure)), { cause });
  }
}

interface Failure {
  readonly message?: string;
  readonly code?: string;
  /** Of an encrypted connection: one line in words, where the message has several, with lines of the library's source. */
  readonly reason?: string;
  readonly cause?: Failure;
}

/** What is behind 'fetch failed'. */
function rootOf(failure: Failure): Failure {
  return failure.cause ? rootOf(failure.cause) : failure;
}

function explain({ message = '', code, reason }: Failure): readonly [what: string, remedy: string] {
  const status = /^Proxy response \((\d+)\)/.exec(message)?.[1];
  if (status !== undefined) {
    return [
      `the proxy answers ${status} in place of the server`,
      'check HTTPS_PROXY: its address, its user and password where it wants them, and whether it lets the file through',
    ];
  }
  // Of bytes that are not encrypted the library reads the first as a version.
  if (code === 'ERR_SSL_WRONG_VERSION_NUMBER') {
    return [
      'something without encryption answers in place of the server, as the log-in page of a network or of a proxy',
      'log in to the network with a browser; check that HTTPS_PROXY, where it is set, is the address of a proxy that lets the file through',
    ];
  }
  return [
    `it cannot be reached (${reason || message || code || 'for no reason that is known'})`,
    'check the network; where it has a proxy, set HTTPS_PROXY',
  ];
}

function interrupted(url: string, done: number, total: number | undefined, cause: unknown): DownloadError {
  return new DownloadError(
    url,
    `the connection ended after ${done} of ${total ?? 'an unknown number of'} bytes`,
    'run the same command again: it goes on from there',
    { cause },
  );
}
