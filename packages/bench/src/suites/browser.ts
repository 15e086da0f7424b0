import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type * as cpuModule from '@sparseflow/backend-cpu';
import type * as playwrightModule from 'playwright';
import type { Browser, Page } from 'playwright';
import { CASES, problemOf, flops, type Case } from '../cases.ts';
import type * as casesModule from '../cases.ts';
import { prepareKernels } from '../implementations/kernels.ts';
import type * as kernelsModule from '../implementations/kernels.ts';
import { measure, type Timing } from '../measure.ts';
import type * as measureModule from '../measure.ts';
import { paths, type Path } from '../paths.ts';
import type { Recorder } from './suite.ts';

const OPERATIONS = ['forward', 'vjp'] as const;
type Operation = (typeof OPERATIONS)[number];

/** Node and Chromium are measured in turn, this many times each. */
const ROUNDS = 5;

/** The WebAssembly kernels in Chromium beside the same in Node, in turn. */
export async function browser(record: Recorder): Promise<void> {
  const chromium = await launch();
  if (typeof chromium === 'string') return record.note(chromium);
  try {
    const page = await openPage(chromium);
    for (const network of CASES.filter(({ name }) => record.wanted(name)))
      for (const path of paths().filter(({ name }) => name === 'wasm')) await compare(record, page, network, path);
  } finally {
    await chromium.close();
  }
}

async function compare(record: Recorder, page: Page, network: Case, { threads, create }: Path): Promise<void> {
  const budget = record.budget / 2;
  const prepared = prepareKernels(create(), problemOf(network));
  for (const op of OPERATIONS) {
    record.progress(`${network.name} ${op}: wasm in Node and in Chromium, ${threads} thread${threads > 1 ? 's' : ''}`);
    const node: Timing[] = [];
    const chromium: Timing[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      node.push(await measure(() => prepared[op](), { budget }));
      chromium.push(await page.evaluate(measureInPage, { network, threads, op, budget }));
    }
    const row = { case: network.name, op, threads, shareOfPeak: null };
    const gflops = (ms: number): number => flops(network, op) / ms / 1e6;
    const here = middle(node);
    const there = middle(chromium);
    record.row({ ...row, implementation: 'wasm in Node', ...here, gflops: gflops(here.ms) });
    const note = `${(100 * median(node.map(({ ms }, i) => ms / chromium[i]!.ms))).toFixed(0)} % of the speed in Node`;
    record.row({ ...row, implementation: 'wasm in Chromium', ...there, gflops: gflops(there.ms), note });
  }
  prepared.dispose();
}

/** Runs in the page, where these modules are served under these names. */
async function measureInPage(asked: {
  network: Case;
  threads: number;
  op: Operation;
  budget: number;
}): Promise<Timing> {
  const load = <T>(name: string): Promise<T> => import(name) as Promise<T>;
  const { createCpuBackend } = await load<typeof cpuModule>('@sparseflow/backend-cpu');
  const { problemOf } = await load<typeof casesModule>('bench/cases.js');
  const { prepareKernels } = await load<typeof kernelsModule>('bench/implementations/kernels.js');
  const { measure } = await load<typeof measureModule>('bench/measure.js');
  const backend = createCpuBackend({ path: 'wasm', threads: asked.threads });
  // Its workers start while the page waits.
  const until = performance.now() + 10_000;
  while (backend.describe().threads !== asked.threads) {
    if (performance.now() > until)
      throw new Error(`the page has no ${asked.threads} threads: ${backend.describe().reason}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const prepared = prepareKernels(backend, problemOf(asked.network));
  const timing = await measure(() => prepared[asked.op](), { budget: asked.budget });
  prepared.dispose();
  return timing;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}

/** The median of medians, with the spread between the rounds. */
function middle(rounds: readonly Timing[]): { ms: number; spread: number } {
  const times = rounds.map(({ ms }) => ms).sort((a, b) => a - b);
  const ms = median(times);
  return { ms, spread: (times[times.length - 2]! - times[1]!) / 2 / ms };
}

/** A headless Chromium, or why there is none. */
async function launch(): Promise<Browser | string> {
  const why = (what: string, remedy: string): string => `Chromium is not measured: ${what}. To measure it: ${remedy}`;
  let playwright: typeof playwrightModule;
  try {
    playwright = await import('playwright');
  } catch {
    return why('playwright is not installed', 'npm install playwright@1.65.1');
  }
  const system = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
  const executablePath = process.env['CHROMIUM_PATH'] ?? system.find((path) => existsSync(path));
  try {
    return await playwright.chromium.launch({
      ...(executablePath !== undefined && { executablePath }),
      args: ['--no-sandbox'],
    });
  } catch (error) {
    const what = (error as Error).message.split('\n')[0]!;
    return why(what, 'apt-get install chromium, or set CHROMIUM_PATH');
  }
}

/** Answered by us, from the built files of the packages; localhost, so that the page may have threads. */
const ORIGIN = 'http://localhost';

/** A page that may import the packages and this one's modules by name. */
async function openPage(chromium: Browser): Promise<Page> {
  const folder = (module: string): URL => new URL('.', import.meta.resolve(module));
  const folders: Readonly<Record<string, URL>> = {
    tensor: folder('@sparseflow/tensor'),
    'backend-cpu': folder('@sparseflow/backend-cpu'),
    bench: new URL('../', import.meta.url),
  };
  const imports = {
    '@sparseflow/tensor': '/tensor/index.js',
    '@sparseflow/tensor/reference': '/tensor/reference/index.js',
    '@sparseflow/backend-cpu': '/backend-cpu/index.js',
    'bench/': '/bench/',
  };
  const body = `<!doctype html><script type="importmap">${JSON.stringify({ imports })}</script>`;
  // What SharedArrayBuffer asks for.
  const headers = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };
  const context = await chromium.newContext();
  await context.route(`${ORIGIN}/**`, async (route) => {
    const [, name = '', ...path] = new URL(route.request().url()).pathname.split('/');
    if (name === '') return route.fulfill({ body, contentType: 'text/html', headers });
    const base = folders[name];
    const file = base && new URL(path.join('/'), base);
    if (!file || !existsSync(file)) return route.fulfill({ status: 404 });
    return route.fulfill({ path: fileURLToPath(file), contentType: 'text/javascript', headers });
  });
  const page = await context.newPage();
  await page.goto(`${ORIGIN}/`);
  return page;
}
