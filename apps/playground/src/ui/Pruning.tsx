import type { Page } from '../page/page.ts';
import { MOST_REMOVED } from '../settings.ts';
import { NumberField } from './NumberField.tsx';
import { percent } from './words.ts';

/** Prunes by hand, or by Algorithm 1. */
export function Pruning({ page }: { readonly page: Page }) {
  const { structure, remove, rounds, steps } = page.pruning.value;
  const status = page.status.value;
  const isPruned = status?.models.some(({ name }) => name === 'sparse') === true;
  const round = status?.round;
  const keep = 1 - remove / 100;
  return (
    <section class="card" aria-labelledby="prune-title">
      <h2 id="prune-title">Prune</h2>
      <div class="segments" role="radiogroup" aria-label="What is removed">
        {(['unstructured', 'structured'] as const).map((option) => (
          <label key={option}>
            <input
              type="radio"
              name="structure"
              checked={structure === option}
              onChange={() => page.setPruning({ structure: option })}
            />
            <span>{option === 'unstructured' ? 'Weights' : 'Neurons'}</span>
          </label>
        ))}
      </div>
      <label class="slider">
        <span>
          Remove <output>{remove} %</output>
        </span>
        <input
          type="range"
          min={0}
          max={MOST_REMOVED}
          value={remove}
          aria-label="Share of the weights to remove"
          aria-valuetext={`${remove} percent`}
          onInput={({ currentTarget }) => page.setPruning({ remove: currentTarget.valueAsNumber })}
          onChange={({ currentTarget }) => {
            if (isPruned && round === undefined)
              page.prune({ type: 'prune', structure, keep: 1 - currentTarget.valueAsNumber / 100 });
          }}
        />
      </label>
      <div class="row">
        <button type="button" onClick={() => page.prune({ type: 'prune', structure, keep })}>
          Prune now
        </button>
        <button type="button" class="quiet" disabled={!isPruned} onClick={() => page.prune({ type: 'unprune' })}>
          Undo pruning
        </button>
      </div>
      <div class="fields">
        <NumberField title="Rounds" min={1} max={30} value={rounds} onChange={(n) => page.setPruning({ rounds: n })} />
        <NumberField
          title="Steps per round"
          min={1}
          max={5000}
          value={steps}
          onChange={(n) => page.setPruning({ steps: n })}
        />
      </div>
      <button
        type="button"
        class="wide"
        disabled={remove === 0}
        onClick={() => page.prune({ type: 'sparseFlow', structure, keep, rounds, steps })}
      >
        Run Algorithm 1
      </button>
      <p class="hint" data-round={round?.round}>
        {round
          ? `Round ${round.round} of ${round.rounds}: ${percent(round.keep)} of the weights are kept.`
          : 'Algorithm 1 prunes a little, trains, and prunes again. The control trains as long and is never pruned: what it reaches is not owed to pruning.'}
      </p>
    </section>
  );
}
