import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium, type Page } from 'playwright';
import { describe, expect, test } from 'vitest';
import { CHROMIUM_FLAGS, chromiumPath, requireOrExplain } from './environment.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const folderOf = (name: string): string => join(root, 'examples', name);

function scriptOf(name: string): string | undefined {
  const text = readFileSync(join(folderOf(name), 'package.json'), 'utf8');
  return (JSON.parse(text) as { readonly scripts: { readonly start?: string } }).scripts.start;
}

/** The `start` script of an example as pnpm runs it: in its folder, with the tools of the workspace at hand. */
function start(name: string, args = ''): ChildProcess {
  const tools = [folderOf(name), root].map((folder) => join(folder, 'node_modules', '.bin'));
  return spawn(`${scriptOf(name)} ${args}`, {
    cwd: folderOf(name),
    shell: true,
    detached: true, // a group of its own, so that all of it can be ended
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NO_COLOR: '1', PATH: [...tools, process.env['PATH']].join(delimiter) },
  });
}

/** What programs say last, or the part of it that does not depend on the machine. */
const programs: Readonly<Record<string, RegExp>> = {
  'ode-plain-arrays': /a cycle takes 6\.608483; /,
  'train-flow': /test NLL 1\.\d{3} ± 0\.\d{3} nats\nfive samples/,
  'prune-flow': /\| compacted \| \d+ \(÷ 2\.\d+\)/,
  'hessian-of-tfjs': /trace 11\.\d+ ± \d\.\d+/,
  pretrained: /moons-sparse/,
};

/** Servers, each with what makes it take any port, and what is in the page's output when the example has done its work. */
const servers: Readonly<Record<string, readonly [args: string, output: RegExp]>> = {
  'html-page': ['0', /^\d+\.\d+$/],
  'web-worker': ['', /^epoch 39: loss \d\.\d{3} nats$/],
};

// Vite leaves a folder without one beside them.
const names = readdirSync(join(root, 'examples')).filter((name) => existsSync(join(folderOf(name), 'package.json')));

test.each(names)('%s: its start command is documented, and run here', (name) => {
  const documented = readFileSync(join(folderOf(name), 'README.md'), 'utf8').includes(`--filter ${name} start`);
  expect(documented).toBe(scriptOf(name) !== undefined);
  // Pruning an own way takes a study of minutes; apps/reproduce/test/customPruner.test.ts runs it at a smaller budget.
  if (documented) expect([...Object.keys(programs), ...Object.keys(servers), 'custom-pruner']).toContain(name);
});

describe('starts', () => {
  test.each(Object.entries(programs))('%s', { timeout: 120_000 }, async (name, wanted) => {
    const child = start(name);
    let said = '';
    child.stdout!.on('data', (part: Buffer) => (said += part.toString()));
    expect(await new Promise((resolve) => child.on('close', resolve))).toBe(0);
    expect(said).toMatch(wanted);
  });

  const executablePath = chromiumPath();
  describe.runIf(requireOrExplain('Chromium', executablePath !== undefined))('in Chromium', () => {
    test.each(Object.entries(servers))('%s', { timeout: 120_000 }, async (name, [args, wanted]) => {
      const child = start(name, args);
      const browser = await chromium.launch({ executablePath: executablePath!, args: [...CHROMIUM_FLAGS] });
      try {
        const page: Page = await browser.newPage();
        await page.goto(await addressFrom(child));
        await page.locator('output', { hasText: wanted }).waitFor({ timeout: 60_000 });
      } finally {
        await browser.close();
        if (child.exitCode === null) process.kill(-child.pid!);
      }
    });
  });
});

/** The address that a server says it is at. */
function addressFrom(child: ChildProcess): Promise<string> {
  let said = '';
  return new Promise((resolve, reject) => {
    child.on('close', () => reject(new Error(`the server ended: ${said}`)));
    child.stdout!.on('data', (part: Buffer) => {
      said += part.toString();
      const address = /http:\/\/\S+\/(?=\s)/.exec(said);
      if (address) resolve(address[0]);
    });
  });
}
