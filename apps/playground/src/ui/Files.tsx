import { useRef, useState } from 'preact/hooks';
import type { Page } from '../page/page.ts';
import { modelTitles } from './words.ts';

/** Opens and saves checkpoints, and copies the link. */
export function Files({ page }: { readonly page: Page }) {
  const input = useRef<HTMLInputElement>(null);
  const [copied, setCopied] = useState(false);
  const models = page.status.value?.models ?? [];
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(page.link());
    setCopied(true);
    setTimeout(() => setCopied(false), 2000);
  };
  return (
    <section class="card" aria-labelledby="files-title">
      <h2 id="files-title">Files and link</h2>
      <input
        ref={input}
        type="file"
        accept=".safetensors"
        multiple
        hidden
        aria-label="Checkpoint files"
        onChange={({ currentTarget }) => {
          for (const file of currentTarget.files ?? []) void page.load(file);
          currentTarget.value = '';
        }}
      />
      <div class="row">
        <button type="button" onClick={() => input.current!.click()}>
          Open…
        </button>
        {models.map(({ name }) => (
          <button key={name} type="button" onClick={() => page.save(name)}>
            Save {modelTitles[name].toLowerCase()}
          </button>
        ))}
        <button
          type="button"
          onClick={() =>
            void copy().catch(() =>
              page.notify({
                level: 'info',
                text: `The browser does not let this page copy. The link is ${page.link()}`,
              }),
            )
          }
        >
          {copied ? 'Copied' : 'Copy link'}
        </button>
      </div>
      <p class="hint">
        Safetensors checkpoints, the same as of <code>pnpm reproduce</code>. The link holds the data, the seed and all
        settings.
      </p>
    </section>
  );
}
