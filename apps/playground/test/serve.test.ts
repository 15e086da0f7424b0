import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const script = fileURLToPath(new URL('../../../scripts/playground.mjs', import.meta.url));

it('`pnpm playground` serves the page with the headers that threads need, until it is ended', async () => {
  const port = await freePort();
  const served = spawn(process.execPath, [script, '--port', String(port), '--strictPort'], {
    env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined },
  });
  const ended = once(served, 'close');
  const url = `http://localhost:${port}/`;
  let said = '';
  const ready = new Promise<void>((resolve) => {
    for (const stream of [served.stdout, served.stderr])
      stream.on('data', (text) => (said += text).includes(url) && resolve());
  });
  try {
    await Promise.race([ready, ended]);
    expect(said).toContain(url);
    const response = await fetch(url);
    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'text/html',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-embedder-policy': 'require-corp',
    });
    const [, asset] = /<script type="module"[^>]* src="([^"]+)"/.exec(await response.text())!;
    // A worker's script needs the second header, too.
    const { status, headers } = await fetch(new URL(asset!, url));
    expect([status, headers.get('cross-origin-embedder-policy')]).toEqual([200, 'require-corp']);
  } finally {
    served.kill();
  }
  await ended;
  // The server that it has started, too.
  await expect(fetch(url)).rejects.toThrow();
}, 150_000);

async function freePort(): Promise<number> {
  const server = createServer().listen(0);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await once(server.close(), 'close');
  return port;
}
