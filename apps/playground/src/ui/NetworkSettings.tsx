import type { Page } from '../page/page.ts';
import { sizeOfNet, type Settings } from '../settings.ts';
import { NumberField } from './NumberField.tsx';
import { integer } from './words.ts';

type Numeric = 'layers' | 'hidden' | 'learningRate' | 'batch' | 'tolerance' | 'seed';

const fields: readonly {
  readonly name: Numeric;
  readonly title: string;
  readonly min: number;
  readonly max: number;
  readonly step: number | 'any';
}[] = [
  { name: 'layers', title: 'Layers', min: 2, max: 8, step: 1 },
  { name: 'hidden', title: 'Neurons per layer', min: 1, max: 65536, step: 1 },
  { name: 'learningRate', title: 'Learning rate', min: 0, max: 1, step: 'any' },
  { name: 'batch', title: 'Batch', min: 8, max: 8192, step: 1 },
  { name: 'tolerance', title: 'Solver tolerance', min: 1e-7, max: 0.1, step: 'any' },
  { name: 'seed', title: 'Seed', min: 0, max: 2 ** 32 - 1, step: 1 },
];

/** What is trained and how. Any change starts afresh. */
export function NetworkSettings({ page }: { readonly page: Page }) {
  const settings = page.settings.value;
  return (
    <details class="card">
      <summary>
        <h2>Network and training</h2>
        <span class="hint">{integer(sizeOfNet(settings))} weights</span>
      </summary>
      <div class="fields">
        {fields.map(({ name, ...about }) => (
          <NumberField
            key={name}
            {...about}
            value={settings[name]}
            onChange={(value) => page.change({ [name]: value })}
          />
        ))}
        <Choice page={page} name="activation" title="Activation" options={['tanh', 'sigmoid', 'softplus', 'relu']} />
        <Choice page={page} name="trace" title="Divergence" options={['exact', 'hutchinson']} />
      </div>
      <p class="hint">Each change starts training afresh.</p>
    </details>
  );
}

function Choice<Name extends 'activation' | 'trace'>({
  page,
  name,
  title,
  options,
}: {
  readonly page: Page;
  readonly name: Name;
  readonly title: string;
  readonly options: readonly Settings[Name][];
}) {
  return (
    <label>
      <span>{title}</span>
      <select
        value={page.settings.value[name]}
        onChange={({ currentTarget }) => page.change({ [name]: currentTarget.value })}
      >
        {options.map((option) => (
          <option key={option} value={option}>
            {option}
          </option>
        ))}
      </select>
    </label>
  );
}
