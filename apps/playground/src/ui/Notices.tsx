import { useEffect, useState } from 'preact/hooks';
import type { Page } from '../page/page.ts';
import { nats } from './words.ts';

/** How often progress is read out, in milliseconds. */
const SPOKEN_EVERY = 15_000;

/** What the page has to say, and for screen readers how training goes. */
export function Notices({ page }: { readonly page: Page }) {
  const status = page.status.value;
  const because = status?.backend.because;
  return (
    <div class="notices" role="status" aria-live="polite">
      {because === undefined ? null : (
        <p class="notice info" data-notice="backend">
          {because}
        </p>
      )}
      {page.notices.value.map(({ id, level, text }) => (
        <p key={id} class={`notice ${level}`}>
          <span>{text}</span>
          <button type="button" class="quiet" aria-label="Dismiss" onClick={() => page.dismiss(id)}>
            ×
          </button>
        </p>
      ))}
      <Spoken page={page} />
    </div>
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
