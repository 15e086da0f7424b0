import { generateToy, toyDatasets, type ToyDefinition } from '@sparseflow/datasets';
import { key } from '@sparseflow/tensor';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { dots, frameOf } from '../draw/canvas.ts';
import { palettes } from '../draw/colours.ts';
import type { Page } from '../page/page.ts';
import { DRAWN, twoClasses } from '../settings.ts';
import { DrawPad } from './DrawPad.tsx';
import { dataTitle } from './words.ts';

/** Points of a thumbnail. */
const POINTS = 300;
const SIZE = 96;

/** Which points to learn, and what to learn of them. */
export function DataChoice({ page }: { readonly page: Page }) {
  const { data, task } = page.settings.value;
  return (
    <section class="card" aria-labelledby="data-title">
      <h2 id="data-title">Data</h2>
      <div class="data-sets" role="radiogroup" aria-labelledby="data-title">
        {toyDatasets.map((definition) => (
          <label key={definition.name} class="data-set" title={definition.description}>
            <input
              type="radio"
              name="data"
              value={definition.name}
              checked={data === definition.name}
              onChange={() => page.change({ data: definition.name, sizes: null })}
            />
            <Thumbnail page={page} definition={definition} />
            <span>{dataTitle(definition.name)}</span>
          </label>
        ))}
        <label class="data-set" title="Points around strokes that you draw">
          <input
            type="radio"
            name="data"
            value={DRAWN}
            checked={data === DRAWN}
            onChange={() => page.change({ data: DRAWN, sizes: null })}
          />
          <svg viewBox="0 0 24 24" aria-hidden="true">
            <path d="M4 20l1-4L16 5l3 3L8 19zM14 7l3 3" />
          </svg>
          <span>draw one</span>
        </label>
      </div>
      {data === DRAWN ? <DrawPad page={page} /> : null}
      <div class="segments" role="radiogroup" aria-label="What to learn">
        <Segment page={page} value="density" isOn={task === 'density'}>
          Density
        </Segment>
        <Segment page={page} value="classification" isOn={task === 'classification'} isOff={!twoClasses.includes(data)}>
          Classifier
        </Segment>
      </div>
      <p class="hint">
        {twoClasses.includes(data)
          ? 'Learn where the points lie, or which of two classes they are of.'
          : 'Learn where the points lie. Data of two classes (moons, spirals, circles) can be classified, too.'}
      </p>
    </section>
  );
}

function Segment({
  page,
  value,
  isOn,
  isOff = false,
  children,
}: {
  readonly page: Page;
  readonly value: 'density' | 'classification';
  readonly isOn: boolean;
  readonly isOff?: boolean;
  readonly children: string;
}) {
  return (
    <label>
      <input
        type="radio"
        name="task"
        value={value}
        checked={isOn}
        disabled={isOff}
        onChange={() => page.change({ task: value })}
      />
      <span>{children}</span>
    </label>
  );
}

function Thumbnail({ page, definition }: { readonly page: Page; readonly definition: ToyDefinition }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const theme = page.theme.name.value;
  useLayoutEffect(() => {
    const trainPerMode = Math.ceil(POINTS / definition.modes);
    const { train } = generateToy(definition, key(1), { trainPerMode, testPerMode: 2, validationShare: 0 });
    const { surface, models } = palettes[theme];
    const frame = frameOf(canvas.current!, 2.5);
    frame.context.fillStyle = surface;
    frame.context.fillRect(0, 0, SIZE, SIZE);
    dots(frame, train.points, models.dense, 9);
  }, [theme]);
  return <canvas ref={canvas} width={SIZE} height={SIZE} aria-hidden="true" />;
}
