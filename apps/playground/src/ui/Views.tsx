import { useEffect, useState } from 'preact/hooks';
import type { Page } from '../page/page.ts';
import { viewNames } from '../protocol.ts';
import { viewTitles } from './words.ts';

/** Seconds that particles take from noise to data. */
const SECONDS = 3;

/** What the panes show, and for trajectories at which time. */
export function Views({ page }: { readonly page: Page }) {
  const { task } = page.settings.value;
  const view = page.view.value;
  const titles = viewTitles[task];
  const shown = titles[view] === undefined ? 'density' : view;
  return (
    <div class="views">
      <div class="segments" role="radiogroup" aria-label="View">
        {viewNames
          .filter((name) => titles[name] !== undefined)
          .map((name) => (
            <label key={name}>
              <input type="radio" name="view" value={name} checked={shown === name} onChange={() => page.look(name)} />
              <span>{titles[name]}</span>
            </label>
          ))}
      </div>
      {view === 'trajectories' ? <TimeSlider page={page} isReversed={task === 'density'} /> : null}
    </div>
  );
}

/** From the start of the particles' way to its end: for a density from noise at t = 1 to data at t = 0. */
function TimeSlider({ page, isReversed }: { readonly page: Page; readonly isReversed: boolean }) {
  const [isPlaying, setPlaying] = useState(false);
  const time = page.time.value;
  useEffect(() => {
    if (!isPlaying) return;
    const [from, to] = isReversed ? [1, 0] : [0, 1];
    const begun = performance.now();
    let waiting = requestAnimationFrame(function frame(now) {
      const share = Math.min(1, (now - begun) / (1000 * SECONDS));
      page.time.value = from + share * (to - from);
      if (share < 1) waiting = requestAnimationFrame(frame);
      else setPlaying(false);
    });
    return () => cancelAnimationFrame(waiting);
  }, [isPlaying, isReversed]);
  return (
    <div class="time">
      <button type="button" class="quiet" onClick={() => setPlaying(!isPlaying)}>
        {isPlaying ? 'Stop' : 'Play'}
      </button>
      <label>
        <span>
          t = <output>{time.toFixed(2)}</output>
        </span>
        <input
          type="range"
          min={0}
          max={1}
          step={0.01}
          value={time}
          aria-label="Time t; 0 is data, 1 is the end of the flow"
          onInput={({ currentTarget }) => {
            setPlaying(false);
            page.time.value = currentTarget.valueAsNumber;
          }}
        />
      </label>
    </div>
  );
}
