import type { Page } from '../page/page.ts';
import { backendNames, type BackendName } from '../protocol.ts';
import { brief } from './words.ts';

const backendTitles: Readonly<Record<BackendName, string>> = { wasm: 'WebAssembly', webgpu: 'WebGPU' };

/** Start, pause, step, reset; how fast it goes, and on what. */
export function Toolbar({ page }: { readonly page: Page }) {
  const isRunning = page.isRunning.value;
  const status = page.status.value;
  const speed = page.speed.value;
  const backend = status?.backend;
  return (
    <div class="toolbar" role="toolbar" aria-label="Training">
      <div class="buttons">
        <button type="button" class="primary" disabled={!status} onClick={isRunning ? page.pause : page.run}>
          <svg viewBox="0 0 24 24" aria-hidden="true">
            <path d={isRunning ? 'M7 5h3.5v14H7zM13.5 5H17v14h-3.5z' : 'M7 4.5v15l13-7.5z'} />
          </svg>
          {isRunning ? 'Pause' : 'Train'}
        </button>
        <button type="button" disabled={!status} onClick={page.step} title="One training step">
          Step
        </button>
        <button type="button" disabled={!status} onClick={page.reset} title="Start afresh with the same seed">
          Reset
        </button>
      </div>
      <div class="meter">
        <label>
          <span class="visually-hidden">Computes on</span>
          <select
            aria-label="Computes on"
            value={backend?.name ?? 'wasm'}
            disabled={!status}
            onChange={({ currentTarget }) => {
              page.use(currentTarget.value as BackendName);
              // What is shown is what runs, once the worker says so.
              currentTarget.value = backend?.name ?? 'wasm';
            }}
          >
            {backendNames.map((name) => (
              <option key={name} value={name}>
                {backendTitles[name]}
              </option>
            ))}
          </select>
        </label>
        <span class="backend" title={backend?.because ?? ''}>
          {backend?.text ?? 'starting …'}
        </span>
        <span class="speed">
          <b>{brief(speed?.stepsPerSecond)}</b> steps/s
        </span>
        <span class="speed">
          <b>{brief(speed?.stepMs)}</b> ms/step
        </span>
      </div>
    </div>
  );
}
