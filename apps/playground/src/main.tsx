import { render } from 'preact';
import { goOffline } from './page/offline.ts';
import { createPage } from './page/page.ts';
import { App } from './ui/App.tsx';
import './ui/styles.css';

const worker = new Worker(new URL('./worker/worker.ts', import.meta.url), { type: 'module' });
const page = createPage(worker);
render(<App page={page} />, document.getElementById('page')!);
void page.begin();
// What was trained survives leaving the page.
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'hidden') page.keep();
});
if (import.meta.env.PROD) void goOffline(page.notify);
