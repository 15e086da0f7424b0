import { existsSync, readFileSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright';
import { CHROMIUM_FLAGS, chromiumPath, requireOrExplain } from '../../../test-support/environment.ts';

/** The built site; `pnpm test` builds it first. */
export const DIST = fileURLToPath(new URL('../dist/', import.meta.url));

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
  '.webmanifest': 'application/manifest+json',
};

const ISOLATION = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };

/** Whether there is a browser to test with. */
export const hasBrowser = requireOrExplain('Chromium', chromiumPath() !== undefined);

export interface Site {
  readonly url: string;
  readonly browser: Browser;
  /** A page of its own, in a context of its own. What it logs as an error, or throws, is in `errors`. */
  visit(options?: Visit): Promise<Visited>;
  close(): Promise<void>;
}

export interface Visit extends BrowserContextOptions {
  /** The part of the link after #. */
  readonly hash?: string;
  /** What is done before the page loads. */
  prepare?(page: Page, url: string): Promise<unknown>;
}

export interface Visited {
  readonly page: Page;
  readonly errors: readonly string[];
}

/** Serves the site and starts a browser. */
export async function openSite({
  isolated = true,
  webGpu = true,
  flags = [],
}: {
  readonly isolated?: boolean;
  readonly webGpu?: boolean;
  readonly flags?: readonly string[];
} = {}): Promise<Site> {
  if (!existsSync(join(DIST, 'index.html'))) throw new Error('the site is not built: pnpm --filter playground build');
  const server = await serve(isolated ? ISOLATION : {});
  const url = `http://localhost:${(server.address() as AddressInfo).port}/`;
  const browser = await chromium.launch({
    executablePath: chromiumPath()!,
    args: [...CHROMIUM_FLAGS.filter((flag) => webGpu || !flag.includes('webgpu')), ...flags],
  });
  return {
    url,
    browser,
    async visit({ hash = '', prepare, ...options } = {}) {
      const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
      const page = await context.newPage();
      page.setDefaultTimeout(20_000);
      const errors: string[] = [];
      page.on('console', (message) => {
        if (message.type() === 'error') errors.push(message.text());
      });
      page.on('pageerror', (error) => errors.push(String(error)));
      await prepare?.(page, url);
      await page.goto(`${url}${hash === '' ? '' : `#${hash}`}`);
      return { page, errors };
    },
    async close() {
      await browser.close();
      server.closeAllConnections();
      server.close();
    },
  };
}

function serve(headers: Readonly<Record<string, string>>): Promise<Server> {
  const server = createServer((request, response) => {
    const path = new URL(request.url!, 'http://localhost').pathname;
    const file = join(DIST, path === '/' ? 'index.html' : path);
    if (!existsSync(file) || !statSync(file).isFile()) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { 'Content-Type': TYPES[extname(file)] ?? 'application/octet-stream', ...headers });
    response.end(readFileSync(file));
  });
  return new Promise((resolve) => server.listen(0, () => resolve(server)));
}

type Fact = 'nll' | 'steps' | 'kept' | 'ms';

/** What a pane says of its model. */
export async function factOf(page: Page, model: string, fact: Fact): Promise<number> {
  const text = await page.locator(`.pane[data-model=${model}] [data-fact=${fact}]`).textContent();
  return Number(text?.replaceAll(',', ''));
}

/** Waits until a pane's number is as wanted, and returns it. */
export async function until(
  page: Page,
  model: string,
  fact: Fact,
  isWanted: (value: number) => boolean,
  timeout = 60_000,
): Promise<number> {
  const end = Date.now() + timeout;
  for (;;) {
    const pane = page.locator(`.pane[data-model=${model}] [data-fact=${fact}]`);
    const value = (await pane.count()) > 0 ? await factOf(page, model, fact) : NaN;
    if (isWanted(value)) return value;
    if (Date.now() > end) throw new Error(`${fact} of ${model} is ${value} after ${timeout} ms`);
    await page.waitForTimeout(100);
  }
}

export const press = (page: Page, name: string): Promise<void> =>
  page.getByRole('button', { name, exact: true }).click();

/** The pixels of a model's picture, as a data URL. */
export const pictureOf = (page: Page, model: string): Promise<string> =>
  page.locator(`canvas[data-model=${model}]`).evaluate((canvas: HTMLCanvasElement) => canvas.toDataURL());

/** Waits until the page has drawn the models as they are: fine pictures come when training rests. */
export async function settled(page: Page, model: string): Promise<string> {
  let last = '';
  for (;;) {
    await page.waitForTimeout(400);
    const picture = await pictureOf(page, model);
    if (picture === last) return picture;
    last = picture;
  }
}
