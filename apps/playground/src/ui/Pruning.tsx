import { useState } from 'preact/hooks';
import type { Page } from '../page/page.ts';
import type { Structure } from '../protocol.ts';
import { NumberField } from './NumberField.tsx';
import { percent } from './words.ts';

/** At least two in a hundred weights stay. */
const MOST = 98;

/** Prunes by hand, or by Algorithm 1. */
export function Pruning({ page }: { readonly page: Page }) {
  const [structure, setStructure] = useState<Structure>('unstructured');
  const [amount, setAmount] = useState(80);
  const [rounds, setRounds] = useState(5);
  const [steps, setSteps] = useState(60);
  const status = page.status.value;
  const isPruned = status?.models.some(({ name }) => name === 'sparse') === true;
  const round = status?.round;
  const keep = 1 - amount / 100;
  return (
    <section class="card" aria-labelledby="prune-title">
      <h2 id="prune-title">Prune</h2>
      <div class="segments" role="radiogroup" aria-label="What is removed">
        {(['unstructured', 'structured'] as const).map((option) => (
          <label key={option}>
            <input type="radio" name="structure" checked={structure === option} onChange={() => setStructure(option)} />
            <span>{option === 'unstructured' ? 'Weights' : 'Neurons'}</span>
          </label>
        ))}
      </div>
      <label class="slider">
        <span>
          Remove <output>{amount} %</output>
        </span>
        <input
          type="range"
          min={0}
          max={MOST}
          value={amount}
          aria-label="Share of the weights to remove"
          aria-valuetext={`${amount} percent`}
          onInput={({ currentTarget }) => setAmount(currentTarget.valueAsNumber)}
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
        <NumberField title="Rounds" min={1} max={30} value={rounds} onChange={setRounds} />
        <NumberField title="Steps per round" min={1} max={5000} value={steps} onChange={setSteps} />
      </div>
      <button
        type="button"
        class="wide"
        disabled={amount === 0}
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
