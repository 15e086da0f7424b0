import { useLayoutEffect, useRef } from 'preact/hooks';
import { palettes } from '../draw/colours.ts';
import { paintMatrix } from '../draw/weights.ts';
import type { Page } from '../page/page.ts';
import type { Matrix, ModelName } from '../protocol.ts';
import { integer, modelTitles } from './words.ts';

/** The weight matrices of the models, with what is pruned left blank. */
export function Weights({ page }: { readonly page: Page }) {
  const models = page.status.value?.models ?? [];
  return (
    <section class="card weights" aria-labelledby="weights-title">
      <h2 id="weights-title">Weights</h2>
      <p class="hint">
        A cell is a weight: <span class="key negative">negative</span> <span class="key zero">near zero</span>{' '}
        <span class="key positive">positive</span> <span class="key pruned">pruned</span>
      </p>
      <div class="weights-models">
        {models.map(({ name }) => (
          <ModelWeights key={name} page={page} model={name} matrices={page.matrices.value[name] ?? []} />
        ))}
      </div>
    </section>
  );
}

function ModelWeights({
  page,
  model,
  matrices,
}: {
  readonly page: Page;
  readonly model: ModelName;
  readonly matrices: readonly Matrix[];
}) {
  return (
    <div class="weights-model">
      <h3>{modelTitles[model]}</h3>
      {matrices.map((matrix) => (
        <MatrixCanvas key={matrix.name} page={page} model={model} matrix={matrix} />
      ))}
    </div>
  );
}

function MatrixCanvas({
  page,
  model,
  matrix,
}: {
  readonly page: Page;
  readonly model: ModelName;
  readonly matrix: Matrix;
}) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const theme = page.theme.name.value;
  useLayoutEffect(() => {
    const largest = matrix.values.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-9);
    paintMatrix(canvas.current!, matrix, palettes[theme], largest);
  }, [matrix, theme]);
  const { name, rows, columns, mask, values } = matrix;
  const pruned = mask?.reduce((n, kept) => n + (kept === 0 ? 1 : 0), 0) ?? 0;
  const layer = Number(/\d+/.exec(name)?.[0] ?? 0) + 1;
  const label = `Weights of layer ${layer} of the ${model} model, ${rows} by ${columns}, ${integer(pruned)} of ${integer(values.length)} pruned`;
  return (
    <canvas
      ref={canvas}
      role="img"
      aria-label={label}
      title={label}
      class={Math.min(rows, columns) < 8 ? 'strip' : 'matrix'}
    />
  );
}
