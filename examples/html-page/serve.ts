// Serves the repository's files as they are. Any server of static files does it.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import sirv from 'sirv';

const repository = fileURLToPath(new URL('../..', import.meta.url));

/** Starts a server, at any free port for 0, and gives it with the address of the page. */
export function serve(port: number): Promise<{ server: Server; url: string }> {
  const server = createServer(sirv(repository, { dev: true }));
  return new Promise((resolve, reject) => {
    server.once('error', reject).listen(port, '127.0.0.1', () => {
      const address = server.address() as AddressInfo;
      resolve({ server, url: `http://127.0.0.1:${address.port}/examples/html-page/` });
    });
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { url } = await serve(Number(process.argv[2] ?? 8080));
  console.log(`open ${url}`);
}
