import { palettes, type Ramp } from '../draw/colours.ts';
import type { Scale } from '../draw/paint.ts';
import type { Page } from '../page/page.ts';

/** What the colours mean. */
export function Legend({ page, scale }: { readonly page: Page; readonly scale: Scale }) {
  const view = page.view.value;
  const { task } = page.settings.value;
  const palette = palettes[page.theme.name.value];
  const isDecision = task === 'classification' && view !== 'field';
  const hasHeat = view === 'field' || view === 'density' || (isDecision && view === 'samples');
  const showsData = page.showsData.value;
  return (
    <div class="legend">
      {hasHeat ? (
        <div class="scale">
          <span>{isDecision ? 'p(class 2)' : view === 'field' ? '|f|, from data to noise' : 'log p, nats'}</span>
          <span class="ticks">{tick(scale.low, view === 'density' && !isDecision)}</span>
          <span class="bar" style={{ background: gradient(isDecision ? palette.decision : palette.sequential) }} />
          <span class="ticks">{tick(scale.high, false)}</span>
        </div>
      ) : (
        <span>
          {view === 'samples'
            ? 'dots: 2,000 samples of the model'
            : 'dots: 400 particles on their way through the field'}
        </span>
      )}
      <label class="check">
        <input
          type="checkbox"
          checked={showsData}
          onChange={({ currentTarget }) => (page.showsData.value = currentTarget.checked)}
        />
        Show test points
      </label>
    </div>
  );
}

function tick(value: number, isFloor: boolean): string {
  const text = Number.isInteger(value) ? String(value) : value.toFixed(1);
  return `${isFloor ? '≤ ' : ''}${text.replace('-', '−')}`;
}

function gradient(ramp: Ramp): string {
  const stops = Array.from({ length: 9 }, (_, k) => {
    const i = 3 * Math.round((255 * k) / 8);
    return `rgb(${ramp[i]}, ${ramp[i + 1]}, ${ramp[i + 2]})`;
  });
  return `linear-gradient(90deg, ${stops.join(', ')})`;
}
