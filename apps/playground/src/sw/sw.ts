/// <reference lib="webworker" />
import { isolated } from './isolate.ts';

/** Written before this script by vite.config.ts. */
interface Site {
  readonly version: string;
  readonly files: readonly string[];
}
const worker = self as unknown as ServiceWorkerGlobalScope & { readonly site: Site };
const { version, files } = worker.site;
const PREFIX = 'sparseflow-playground-';
const CACHE = PREFIX + version;
const START = 'index.html';

worker.addEventListener('install', (event) => {
  // All or nothing: when there is no room, this version is not installed and the page works online.
  event.waitUntil(fill().then(() => worker.skipWaiting()));
});

worker.addEventListener('activate', (event) => {
  event.waitUntil(
    caches
      .keys()
      .then((names) =>
        Promise.all(
          names.filter((name) => name.startsWith(PREFIX) && name !== CACHE).map((name) => caches.delete(name)),
        ),
      )
      .then(() => worker.clients.claim()),
  );
});

worker.addEventListener('fetch', (event) => {
  const { request } = event;
  if (request.method === 'GET' && new URL(request.url).origin === worker.location.origin)
    event.respondWith(answer(request));
});

async function fill(): Promise<void> {
  const cache = await caches.open(CACHE);
  try {
    await cache.addAll(files.map((file) => new Request(file, { cache: 'reload' })));
  } catch (error) {
    await caches.delete(CACHE);
    throw error;
  }
}

/** From the cache, so that it works offline and all files are of one version; what is not in it comes from the network. */
async function answer(request: Request): Promise<Response> {
  const cache = await caches.open(CACHE);
  const cached = await cache.match(request.mode === 'navigate' ? START : request, { ignoreSearch: true });
  return isolated(cached ?? (await fetch(request)));
}
