import type { Notice } from '../protocol.ts';

const RELOADED = 'reloaded-for-isolation';

/**
 * Installs the service worker, which serves the page offline and, where the host sends no such headers, isolates it so that there are
 * threads. That takes effect with the next load, so the first visit to such a host loads once more.
 */
export async function goOffline(onNotice: (notice: Notice) => void): Promise<void> {
  if (!('serviceWorker' in navigator)) return;
  try {
    const registration = await navigator.serviceWorker.register(new URL('sw.js', document.baseURI));
    const fresh = registration.installing;
    fresh?.addEventListener('statechange', () => {
      if (fresh.state === 'redundant' && !navigator.serviceWorker.controller) {
        onNotice({ level: 'info', text: 'The browser has no room to keep this page, so it works only online.' });
      }
    });
    await navigator.serviceWorker.ready;
    if (!crossOriginIsolated && sessionStorage.getItem(RELOADED) === null) {
      sessionStorage.setItem(RELOADED, 'yes');
      if (navigator.serviceWorker.controller) location.reload();
      else navigator.serviceWorker.addEventListener('controllerchange', () => location.reload(), { once: true });
    }
  } catch {
    // Private windows and plain http have no service workers; the page works without.
  }
}
