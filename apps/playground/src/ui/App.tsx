import type { Page } from '../page/page.ts';
import { Charts } from './Charts.tsx';
import { Curvature } from './Curvature.tsx';
import { DataChoice } from './DataChoice.tsx';
import { Files } from './Files.tsx';
import { NetworkSettings } from './NetworkSettings.tsx';
import { Notices } from './Notices.tsx';
import { Panes } from './Panes.tsx';
import { Pruning } from './Pruning.tsx';
import { Toolbar } from './Toolbar.tsx';
import { Views } from './Views.tsx';
import { Weights } from './Weights.tsx';

export function App({ page }: { readonly page: Page }) {
  const theme = page.theme.name.value;
  return (
    <>
      <header>
        <div class="brand">
          <img src="./icon.svg" alt="" width={30} height={30} />
          <div>
            <h1>Sparse Flows playground</h1>
            <p>Train a flow, prune it, watch what changes</p>
          </div>
        </div>
        <Toolbar page={page} />
        <button
          type="button"
          class="quiet theme"
          onClick={page.theme.toggle}
          aria-label={`Switch to the ${theme === 'dark' ? 'light' : 'dark'} theme`}
        >
          {theme === 'dark' ? 'Light' : 'Dark'}
        </button>
      </header>
      <main data-count={page.status.value?.models.length ?? 1}>
        <div class="lead">
          <Notices page={page} />
          <Views page={page} />
        </div>
        <Panes page={page} />
        <div class="controls">
          <DataChoice page={page} />
          <Pruning page={page} />
          <NetworkSettings page={page} />
          <Curvature page={page} />
          <Files page={page} />
        </div>
        <Charts page={page} />
        <Weights page={page} />
      </main>
    </>
  );
}
