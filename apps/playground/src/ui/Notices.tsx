import { useEffect, useState } from 'preact/hooks';
import type { Page } from '../page/page.ts';
import { nats } from './words.ts';

/** How often progress is read out, in milliseconds. */
const SPOKEN_EVERY = 15_000;

/** What the page has to say, errors at once, and for screen readers how training goes. */
export function Notices({ page }: { readonly page: Page }) {
  const because = page.status.value?.backend.because;
  return (
    <div class="notices">
      <div role="alert">
        <Told page={page} areErrors />
      </div>
      <div role="status">
        {because === undefined ? null : (
          <p class="notice info" data-notice="backend">
            {because}
          </p>
        )}
        <Told page={page} areErrors={false} />
        <Spoken page={page} />
      </div>
    </div>
  );
}

function Told({ page, areErrors }: { readonly page: Page; readonly areErrors: boolean }) {
  return (
    <>
      {page.notices.value
        .filter(({ level }) => (level === 'error') === areErrors)
        .map(({ id, level, text }) => (
          <p key={id} class={`notice ${level}`}>
            <span>{text}</span>
            <button type="button" class="quiet" aria-label="Dismiss" onClick={() => page.dismiss(id)}>
              ×
            </button>
          </p>
        ))}
    </>
  );
}

function Spoken({ page }: { readonly page: Page }) {
  const [text, setText] = useState('');
  const isRunning = page.isRunning.value;
  useEffect(() => {
    const say = (): void => {
      const told = Object.values(page.pictures.peek()).map(
        ({ model, step, measured }) => `${model} model, step ${step}: ${nats(measured.nll)} nats`,
      );
      setText(`${isRunning ? 'Training' : 'Paused'}. ${told.join('; ')}`);
    };
    say();
    if (!isRunning) return;
    const timer = setInterval(say, SPOKEN_EVERY);
    return () => clearInterval(timer);
  }, [isRunning]);
  return <p class="visually-hidden">{text}</p>;
}
