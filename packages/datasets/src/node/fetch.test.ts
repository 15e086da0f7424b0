import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, utimesSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { basename, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { filesIn, put } from '../../test/files.ts';
import { temporaryFolder, testOnRealData } from '../../test/realData.ts';
import type { DatasetDefinition, Download } from '../sets/definition.ts';
import { realDatasets } from '../sets/list.ts';
import { fetchDataset } from './fetchDataset.ts';
import { fileStorage } from './fileStorage.ts';
import { main } from './main.ts';

const PROXIES = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy'];
// Whatever proxy the machine has, the servers of these tests are not behind it.
beforeEach(() => PROXIES.forEach((name) => vi.stubEnv(name, '')));
afterEach(() => void vi.unstubAllEnvs());

const content = Buffer.from(Uint8Array.from({ length: 300_000 }, (_, i) => Math.imul(i, 2654435761) >>> 24));
const md5 = (bytes: Uint8Array): string => createHash('md5').update(bytes).digest('hex');

/** As without a network. */
function unplug(): void {
  vi.stubGlobal('fetch', async () => {
    throw Object.assign(new TypeError('fetch failed'), { cause: { code: 'ENOTFOUND' } });
  });
  onTestFinished(() => void vi.unstubAllGlobals());
}

/** Every write fails from now on. */
async function fillDisk(): Promise<void> {
  const handle = await open(process.execPath);
  const methods = Object.getPrototypeOf(handle) as FileHandle;
  await handle.close();
  vi.spyOn(methods, 'appendFile').mockRejectedValue(Object.assign(new Error('full'), { code: 'ENOSPC' }));
}
afterEach(() => vi.restoreAllMocks());

async function serve(answer: RequestListener): Promise<string> {
  const { port } = await listen(createServer(answer));
  return `http://127.0.0.1:${port}/file`;
}

/** Until the test is over. */
async function listen(server: Server): Promise<AddressInfo> {
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return server.address() as AddressInfo;
}

const definition = (file: Partial<Download> & { readonly url: string }): DatasetDefinition => ({
  name: 'set',
  description: '',
  dim: 1,
  rows: [1, 1, 1],
  licence: '',
  citation: '',
  forms: [],
  downloads: [{ path: 'set/data.bin', checksum: { algorithm: 'md5', hex: md5(content) }, ...file }],
});

/** Answers with the whole file or the rest that is asked for; the first answer breaks off. */
function breaking(ranges: (string | undefined)[]): RequestListener {
  return (request, response) => {
    const { range } = request.headers;
    ranges.push(range);
    const from = Number(/bytes=(\d+)-/.exec(range ?? '')?.[1] ?? 0);
    const headers = { 'content-length': content.length - from };
    if (range === undefined) {
      response.writeHead(200, headers).write(content.subarray(0, 100_000), () => response.destroy());
    } else {
      const contentRange = `bytes ${from}-${content.length - 1}/${content.length}`;
      response.writeHead(206, { ...headers, 'content-range': contentRange }).end(content.subarray(from));
    }
  };
}

describe('a download', () => {
  test('that broke off goes on where it stopped', async () => {
    const [folder, ranges] = [temporaryFolder(), [] as (string | undefined)[]];
    const set = definition({ url: await serve(breaking(ranges)) });
    const error = await fetchDataset(set, fileStorage(folder)).catch((e: unknown) => e);
    expect(error).toMatchObject({ name: 'DownloadError', code: 'DOWNLOAD' });
    expect((error as Error).message).toMatch(/ended after \d+ of 300000 bytes. To fix: run the same command again/);
    expect(existsSync(join(folder, 'set/data.bin'))).toBe(false);
    const there = readFileSync(join(folder, 'set/data.bin.part')).length;
    expect(there).toBeGreaterThan(0);
    expect(await fetchDataset(set, fileStorage(folder))).toEqual([join(folder, 'set/data.bin')]);
    expect(ranges).toEqual([undefined, `bytes=${there}-`]);
    expect(readFileSync(join(folder, 'set/data.bin')).equals(content)).toBe(true);
    expect(filesIn(folder)).toHaveLength(1);
    expect(await fetchDataset(set, fileStorage(folder))).toEqual([]);
  });

  test('starts over from a server that knows no ranges, and when what was there is of another file', async () => {
    const folder = temporaryFolder();
    put(folder, 'set/data.bin.part', 'something else');
    const plain = await serve((_, response) => response.end(content));
    await fetchDataset(definition({ url: plain }), fileStorage(folder));
    expect(readFileSync(join(folder, 'set/data.bin')).equals(content)).toBe(true);
    put(folder, 'set/other.bin.part', 'x'.repeat(50));
    let asked = 0;
    const ranged = await serve((request, response) =>
      asked++ === 0 ? breaking([])(request, response) : response.end(content),
    );
    await fetchDataset(definition({ url: ranged, path: 'set/other.bin' }), fileStorage(folder));
    expect([asked, readFileSync(join(folder, 'set/other.bin')).equals(content)]).toEqual([2, true]);
  });

  test('starts over when other bytes are there, as many as the server has', async () => {
    const folder = temporaryFolder();
    put(folder, 'set/data.bin.part', new Uint8Array(content.length));
    const ranges: (string | undefined)[] = [];
    const url = await serve((request, response) => {
      ranges.push(request.headers.range);
      if (request.headers.range === undefined) response.end(content);
      else response.writeHead(416).end();
    });
    await fetchDataset(definition({ url }), fileStorage(folder));
    expect(ranges).toEqual([`bytes=${content.length}-`, undefined]);
    expect(readFileSync(join(folder, 'set/data.bin')).equals(content)).toBe(true);
    expect(filesIn(folder)).toHaveLength(1);
  });

  test('that is complete needs no network', async () => {
    const folder = temporaryFolder();
    put(folder, 'set/data.bin.part', content);
    unplug();
    const set = definition({ url: 'http://data.invalid/file' });
    expect(await fetchDataset(set, fileStorage(folder))).toEqual([join(folder, 'set/data.bin')]);
  });

  test.each([
    ['socks5://127.0.0.1:1080', true],
    ['http://', true],
    ['127.0.0.1:1', false],
  ])('of %s as a proxy says whether it is one', async (proxy, isRefused) => {
    vi.stubEnv('HTTPS_PROXY', proxy);
    const error = await fetchDataset(definition({ url: 'https://data.invalid' }), fileStorage(temporaryFolder())).catch(
      (e: unknown) => e,
    );
    expect((error as Error).message).toContain(
      isRefused
        ? `HTTPS_PROXY: '${proxy}' is not the address of a proxy. To fix: give it as http://HOST:PORT.`
        : 'https://data.invalid: it cannot be reached (',
    );
  });

  test.each<readonly [string, (port: number) => Record<string, string>, boolean]>([
    ['goes through the proxy that is set', (port) => ({ http_proxy: `http://127.0.0.1:${port}` }), true],
    [
      'goes past it to hosts that need none',
      (port) => ({ HTTP_PROXY: `http://127.0.0.1:${port}`, NO_PROXY: '127.0.0.1' }),
      false,
    ],
  ])('%s', async (_what, environment, isUsed) => {
    const url = await serve((_, response) => response.end(content));
    let asked = 0;
    const proxy = createServer((_, response) => {
      asked++;
      response.end(content);
    });
    // Whatever host is asked for, it is the server above.
    proxy.on('connect', (_, socket) => {
      asked++;
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      socket.pipe(connect(Number(new URL(url).port), '127.0.0.1')).pipe(socket);
    });
    const { port } = await listen(proxy);
    for (const [name, value] of Object.entries(environment(port))) vi.stubEnv(name, value);
    const folder = temporaryFolder();
    await fetchDataset(definition({ url: isUsed ? 'http://data.invalid/file' : url }), fileStorage(folder));
    expect(readFileSync(join(folder, 'set/data.bin')).equals(content)).toBe(true);
    expect(asked).toBe(Number(isUsed));
  });

  test.each([
    [
      '200 OK',
      'something without encryption answers in place of the server, as the log-in page of a network or of a proxy. To fix: log in to the network with a browser; check that HTTPS_PROXY, where it is set, is the address of a proxy that lets the file through.',
    ],
    [
      '403 Forbidden',
      'the proxy answers 403 in place of the server. To fix: check HTTPS_PROXY: its address, its user and password where it wants them, and whether it lets the file through.',
    ],
  ])('says in one line that a proxy answers with a page and %s', async (status, message) => {
    const proxy = createServer();
    proxy.on('connect', (_, socket) => {
      socket.on('error', () => undefined); // the page is not what is waited for
      socket.end(`HTTP/1.1 ${status}\r\ncontent-type: text/html\r\n\r\n<html>log in</html>`);
    });
    const { port } = await listen(proxy);
    vi.stubEnv('HTTPS_PROXY', `http://127.0.0.1:${port}`);
    const url = 'https://data.invalid/file';
    const error = await fetchDataset(definition({ url }), fileStorage(temporaryFolder())).catch((e: unknown) => e);
    expect(error).toMatchObject({ name: 'DownloadError', message: `${url}: ${message}` });
  });

  test.each<readonly [string, RequestListener, RegExp]>([
    ['with another checksum', (_, r) => void r.end('other bytes'), /does not have the md5 \w{32}, and was removed/],
    [
      'that a proxy answers with a page',
      (_, r) => void r.setHeader('content-type', 'text/html').end('<html>'),
      /a web page came instead of the file.*To fix: log in/,
    ],
    ['of a page without a type', (_, r) => void r.end('<html>log in</html>'), /does not have the md5/],
    ['that is not there', (_, r) => void r.writeHead(404).end(), /the server answers 404/],
  ])('%s leaves nothing', async (_what, answer, message) => {
    const folder = temporaryFolder();
    const set = definition({ url: await serve(answer) });
    await expect(fetchDataset(set, fileStorage(folder))).rejects.toThrow(message);
    expect(filesIn(folder)).toEqual([]);
  });

  test('onto a full disk says so, and places no file', async () => {
    const folder = temporaryFolder();
    await fillDisk();
    const set = definition({ url: await serve((_, response) => response.end(content)) });
    await expect(fetchDataset(set, fileStorage(folder))).rejects.toThrow(
      /no space left on device \(ENOSPC\)\. To fix: free space/,
    );
    expect(existsSync(join(folder, 'set/data.bin'))).toBe(false);
  });
});

async function archive(): Promise<Buffer> {
  const entries = pack();
  entries.entry({ name: 'data/readme' }, 'x');
  entries.entry({ name: 'data/a/values.bin' }, content);
  entries.finalize();
  const parts: Buffer[] = [];
  for await (const part of entries) parts.push(part as Buffer);
  return gzipSync(Buffer.concat(parts));
}

describe('an archive', () => {
  const members = [{ name: 'a/values.bin', path: 'set/values.bin' }];

  test('gives the members that are wanted, and is removed', async () => {
    const [bytes, folder] = [await archive(), temporaryFolder()];
    const url = await serve((_, response) => response.end(bytes));
    const set = definition({ url, path: 'all.tar.gz', checksum: { algorithm: 'md5', hex: md5(bytes) }, members });
    expect(await fetchDataset(set, fileStorage(folder))).toEqual([join(folder, 'set/values.bin')]);
    expect(readFileSync(join(folder, 'set/values.bin')).equals(content)).toBe(true);
    expect(filesIn(folder)).toHaveLength(1);
  });

  test('for which the disk had no room unpacked is unpacked later, without a network', async () => {
    const [bytes, folder] = [await archive(), temporaryFolder()];
    const url = 'http://data.invalid/file';
    const set = definition({ url, path: 'all.tar.gz', checksum: { algorithm: 'md5', hex: md5(bytes) }, members });
    put(folder, 'all.tar.gz.part', bytes);
    unplug();
    await fillDisk();
    await expect(fetchDataset(set, fileStorage(folder))).rejects.toThrow(/no space left on device \(ENOSPC\)/);
    expect(filesIn(folder).map((path) => basename(path))).toEqual(['all.tar.gz.part']);
    vi.restoreAllMocks();
    await fetchDataset(set, fileStorage(folder));
    expect(filesIn(folder).map((path) => basename(path))).toEqual(['values.bin']);
  });

  test('is unpacked where a killed fetch left pieces, which are removed once they are a day old', async () => {
    const [bytes, folder] = [await archive(), temporaryFolder()];
    const url = await serve((_, response) => response.end(bytes));
    const piece = (): string => `values.bin.${crypto.randomUUID()}.tmp`;
    const [old, young, another] = [piece(), piece(), 'notes.tmp'];
    for (const name of [old, young, another]) put(folder, `set/${name}`, 'x');
    for (const name of [old, another]) utimesSync(join(folder, 'set', name), 1e9, 1e9);
    const set = definition({ url, path: 'all.tar.gz', checksum: { algorithm: 'md5', hex: md5(bytes) }, members });
    await fetchDataset(set, fileStorage(folder));
    const left = filesIn(folder).map((path) => basename(path));
    expect(left.sort()).toEqual(['values.bin', young, another].sort());
  });

  test.each([
    [
      'cut',
      (bytes: Buffer) => bytes.subarray(0, bytes.length / 2),
      members,
      /gzip stream is truncated or damaged|cannot be unpacked/,
    ],
    ['without a member', (bytes: Buffer) => bytes, [{ name: 'b.bin', path: 'b.bin' }], /it has no b\.bin/],
  ])('that is %s is named, and places nothing', async (_what, damage, wanted, message) => {
    const [bytes, folder] = [damage(await archive()), temporaryFolder()];
    const url = await serve((_, response) => response.end(bytes));
    const set = definition({
      url,
      path: 'all.tar.gz',
      checksum: { algorithm: 'md5', hex: md5(bytes) },
      members: wanted,
    });
    await expect(fetchDataset(set, fileStorage(folder))).rejects.toThrow(message);
    expect(filesIn(folder).filter((path) => !path.endsWith('.part'))).toEqual([]);
  });
});

describe('the command line', () => {
  async function run(...argv: string[]) {
    const written = { stdout: '', stderr: '' };
    const stream = (name: keyof typeof written) => ({ write: (text: string) => (written[name] += text) });
    return { code: await main(argv, { stdout: stream('stdout'), stderr: stream('stderr') }), ...written };
  }

  test('lists every set', async () => {
    const { code, stdout } = await run('list', '--data-dir', temporaryFolder());
    expect(code).toBe(0);
    expect(stdout).toMatch(/^power +1659917 \+ 184435 \+ 204928 rows of 6: .*\(not here\)$/m);
    expect(stdout.trim().split('\n')).toHaveLength(7);
  });

  test('without a network one line says which file, from where, its checksum and where to put it', async () => {
    unplug();
    const folder = temporaryFolder();
    const { code, stdout, stderr } = await run('fetch', 'miniboone', '--data-dir', folder);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr.replaceAll(folder, 'DIR')).toMatchInlineSnapshot(`
      "https://raw.githubusercontent.com/EmoryMLIP/OT-Flow/HEAD/data/miniboone/data.npy: it cannot be reached (ENOTFOUND). To fix: check the network; where it has a proxy, set HTTPS_PROXY. By hand: get https://raw.githubusercontent.com/EmoryMLIP/OT-Flow/HEAD/data/miniboone/data.npy (git-blob 9737c80fa84df483ed368404e3110c324613d54c) and put it at DIR/miniboone/data.npy.
      "
    `);
    expect(filesIn(folder)).toEqual([]);
  });

  /** Sets that the command line knows until the test is over. */
  function withSets(...definitions: readonly DatasetDefinition[]): void {
    const known = realDatasets as DatasetDefinition[];
    known.push(...definitions);
    onTestFinished(() => void known.splice(-definitions.length));
  }

  test('of two files, what to do by hand is said of the one that does not come', async () => {
    const url = await serve((_, response) => response.end(content));
    const { downloads, ...rest } = definition({ url });
    const second = { ...downloads[0]!, url: 'http://data.invalid/second', path: 'set/second.bin' };
    withSets({ ...rest, downloads: [...downloads, second] });
    const folder = temporaryFolder();
    const { code, stdout, stderr } = await run('fetch', 'set', '--data-dir', folder);
    expect([code, stdout]).toEqual([1, `set: ${join(folder, 'set/data.bin')}\n`]);
    const byHand = `By hand: get ${second.url} (md5 ${md5(content)}) and put it at ${join(folder, second.path)}.`;
    expect(stderr).toContain(byHand);
  });

  test('an archive that several sets are in is asked for once', async () => {
    const bytes = await archive();
    let asked = 0;
    const url = await serve((_, response) => {
      asked++;
      response.end(bytes);
    });
    const file = { url, path: 'all.tar.gz', checksum: { algorithm: 'md5', hex: md5(bytes) } } as const;
    withSets(
      { ...definition({ ...file, members: [{ name: 'a/values.bin', path: 'one/values.bin' }] }), name: 'one' },
      { ...definition({ ...file, members: [{ name: 'readme', path: 'other/readme' }] }), name: 'other' },
    );
    const folder = temporaryFolder();
    const [one, other] = [join(folder, 'one/values.bin'), join(folder, 'other/readme')];
    const { code, stdout } = await run('fetch', 'one', 'other', 'one', '--data-dir', folder);
    expect([code, stdout, asked]).toEqual([0, `one, other: ${one} ${other}\n`, 1]);
    expect([readFileSync(one).equals(content), readFileSync(other, 'utf8')]).toEqual([true, 'x']);
    expect(filesIn(folder)).toHaveLength(2);
    expect((await run('fetch', 'one', '--data-dir', folder)).stdout).toBe('one: already here\n');
    expect(asked).toBe(1);
  });

  test('of GAS the command that converts it is printed, until that was run', async () => {
    unplug();
    const folder = temporaryFolder();
    put(folder, 'gas/ethylene_CO.pickle', Buffer.of(0x80, 4));
    const conversion = `gas: to be converted before it can be used; run in ${join(folder, 'gas')}: python -c "import numpy`;
    const fetched = await run('fetch', 'gas', '--data-dir', folder);
    expect(fetched.code).toBe(0);
    expect(fetched.stdout).toContain(conversion);
    const listed = await run('list', '--data-dir', folder);
    expect(listed.stdout).toMatch(/^gas .*ethylene_CO\.pickle, to be converted\)$/m);
    put(folder, 'gas/ethylene_CO.npy', '');
    rmSync(join(folder, 'gas/ethylene_CO.pickle'));
    expect((await run('fetch', 'gas', '--data-dir', folder)).stdout).toBe('gas: already here\n');
    expect((await run('list', '--data-dir', folder)).stdout).toMatch(/^gas .*ethylene_CO\.npy\)$/m);
  });

  test.each([true, false])('shows how far a download is; in a terminal: %s', async (isTTY) => {
    vi.stubGlobal('fetch', async () => {
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          for (const i of [0, 1, 2]) controller.enqueue(content.subarray(100_000 * i, 100_000 * (i + 1)));
          controller.close();
        },
      });
      return new Response(body, { headers: { 'content-length': String(content.length) } });
    });
    onTestFinished(() => void vi.unstubAllGlobals());
    let stderr = '';
    const stream = { isTTY, columns: 200, write: (text: string) => (stderr += text) };
    await main(['fetch', 'miniboone', '--data-dir', temporaryFolder()], { stdout: stream, stderr: stream });
    const lines = stderr.split('\n').filter((line) => / MB/.test(line));
    expect(lines.map((line) => /: (\S+ of \S+ MB)$/.exec(line)?.[1])).toEqual(
      ['0.1', '0.2', '0.3'].map((done) => `${done} of 0.3 MB`),
    );
    // Lines that are drawn over begin with what erases the one before.
    expect(stderr.includes('\u001b[')).toBe(isTTY);
  });

  test('unknown names and commands end with 2, damaged files with 1', async () => {
    expect(await run('fetch', 'imagenet')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('use one of power, gas'),
    });
    expect((await run('steal')).code).toBe(2);
    const folder = temporaryFolder();
    put(folder, 'miniboone/data.npy', 'not it');
    const { code, stderr } = await run('verify', 'miniboone', '--data-dir', folder);
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/git-blob is \w{40} instead of 9737c80f.*remove it and fetch/),
    ]);
  });
});

/** What `verify` says of a set. */
async function verified(name: string, dataDir: string): Promise<string> {
  const written: string[] = [];
  vi.stubEnv('XDG_CACHE_HOME', temporaryFolder());
  onTestFinished(() => void vi.unstubAllEnvs());
  const stdout = { write: (text: string) => written.push(text) };
  expect(await main(['verify', name, '--data-dir', dataDir], { stdout, stderr: process.stderr })).toBe(0);
  return written.join('');
}

testOnRealData('MNIST’s checksums agree', async (dataDir) => {
  expect(await verified('mnist', dataDir)).toBe(
    'mnist: 4 published checksums agree; 4 source and 7 prepared files are as they were; 54000 + 6000 + 10000 rows\n',
  );
});

testOnRealData('the checksum of CIFAR-10’s first file agrees', async (dataDir) => {
  expect(await verified('cifar10', dataDir)).toBe(
    'cifar10: 1 published checksum agrees; 2 source and 7 prepared files are as they were; 9000 + 1000 + 1000 rows; ' +
      'not comparable with the paper: an excerpt of 10,000 of 50,000 training and 1,000 of 10,000 test images\n',
  );
});
