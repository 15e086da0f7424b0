import { palettes } from '../draw/colours.ts';
import { scaleOf } from '../draw/paint.ts';
import { counted } from '../counted.ts';
import type { Page } from '../page/page.ts';
import type { ModelReport, Picture } from '../protocol.ts';
import { Legend } from './Legend.tsx';
import { PictureCanvas } from './PictureCanvas.tsx';
import { aboutModel, brief, integer, modelTitles, nats, percent, viewTitles } from './words.ts';

/** The models side by side. */
export function Panes({ page }: { readonly page: Page }) {
  const models = page.status.value?.models ?? [
    { name: 'dense', steps: 0, parameters: 0, kept: 0, neurons: 0, neuronsKept: 0 },
  ];
  const { task } = page.settings.value;
  const pictures = Object.values(page.pictures.value);
  const scale = scaleOf(pictures, task);
  return (
    <section class="panes-section" aria-label="Models">
      <div class="panes" data-count={models.length}>
        {models.map((model) => (
          <Pane key={model.name} page={page} model={model} scale={scale} isAlone={models.length === 1} />
        ))}
      </div>
      <Legend page={page} scale={scale} />
    </section>
  );
}

function Pane({
  page,
  model,
  scale,
  isAlone,
}: {
  readonly page: Page;
  readonly model: ModelReport;
  readonly scale: ReturnType<typeof scaleOf>;
  readonly isAlone: boolean;
}) {
  const { name, steps, parameters, kept } = model;
  const picture = page.pictures.value[name];
  const { task } = page.settings.value;
  const view = viewTitles[task][page.view.value] ?? 'Picture';
  const colour = palettes[page.theme.name.value].models[name];
  const measured = picture?.measured;
  const label = `${view} of the ${name} model after ${counted(steps, 'step')}${measured ? `, test ${lossName(task)} ${nats(measured.nll)} nats` : ''}`;
  return (
    <figure class="pane" data-model={name}>
      <figcaption>
        <span class="pane-title">
          <span class="dot" style={{ background: colour }} aria-hidden="true" />
          {modelTitles[name]}
        </span>
        <span class="pane-about">{aboutModel(model, isAlone)}</span>
      </figcaption>
      <div class="picture">
        <PictureCanvas page={page} model={name} scale={scale} label={label} />
      </div>
      <dl class="facts">
        <Fact name={task === 'density' ? 'Test NLL' : 'Test loss'} unit="nats">
          {measured ? (
            <>
              <b data-fact="nll">{nats(measured.nll)}</b>
              <span class="error"> ± {measured.standardError.toFixed(3)}</span>
            </>
          ) : (
            '–'
          )}
        </Fact>
        {accuracy(picture)}
        <Fact name="Weights left">
          <b data-fact="kept">{integer(kept)}</b>
          <span class="error"> {parameters > 0 ? percent(kept / parameters) : ''}</span>
        </Fact>
        <Fact name="Steps">
          <b data-fact="steps">{integer(steps)}</b>
        </Fact>
        <Fact name="A step" unit="ms">
          <b data-fact="ms">{brief(page.paces.value[name])}</b>
        </Fact>
      </dl>
    </figure>
  );
}

function accuracy(picture: Picture | undefined) {
  const right = picture?.measured.accuracy;
  return right === undefined ? null : (
    <Fact name="Accuracy">
      <b>{(100 * right).toFixed(1)} %</b>
    </Fact>
  );
}

function lossName(task: string): string {
  return task === 'density' ? 'negative log-likelihood' : 'loss';
}

function Fact({
  name,
  unit,
  children,
}: {
  readonly name: string;
  readonly unit?: string;
  readonly children: preact.ComponentChildren;
}) {
  return (
    <div>
      <dt>
        {name}
        {unit === undefined ? null : <span>, {unit}</span>}
      </dt>
      <dd>{children}</dd>
    </div>
  );
}
