import type { ModelName, Report } from '../protocol.ts';
import type { Learner } from './learner.ts';
import { smooth } from './pace.ts';
import type { StepOf } from './session.ts';

/** Steps are told in groups, so often in milliseconds. */
const EVERY = 100;

/** A model's pace is the median of so many steps: that one was held up says nothing of the model. */
const RECENT = 9;

interface Entry {
  readonly steps: number[];
  readonly loss: number[];
  readonly nfe: number[];
  kept: number;
  ms: number;
}

/** Collects what steps came to, and how long they take. */
export class ProgressLog {
  readonly #send: (report: Report) => void;
  readonly #entries = new Map<ModelName, Entry>();
  #told = 0;
  /** How long the last steps of a model took, and the round of that: what was pruned since changes it. */
  readonly #paces = new Map<ModelName, { readonly round: number; readonly recent: readonly number[] }>();
  /** Of one step of all that train, alone. */
  #stepMs = NaN;
  /** From one step to the next, pictures included. */
  #betweenMs = NaN;
  #last = NaN;

  constructor(send: (report: Report) => void) {
    this.#send = send;
  }

  clear(): void {
    this.#entries.clear();
    this.#paces.clear();
    this.#stepMs = this.#betweenMs = this.#last = NaN;
  }

  add(steps: readonly (StepOf & { readonly learner: Learner })[], ms: number): void {
    for (const { model, loss, nfe, ms: ofModel, learner } of steps) {
      const entry = this.#entries.get(model) ?? { steps: [], loss: [], nfe: [], kept: 1, ms: NaN };
      this.#entries.set(model, entry);
      entry.steps.push(learner.position.total);
      entry.loss.push(loss);
      entry.nfe.push(nfe);
      entry.kept = learner.keptShare;
      entry.ms = this.#pace(model, learner.position.round, ofModel);
    }
    const now = performance.now();
    this.#stepMs = smooth(this.#stepMs, ms);
    if (now - this.#last < 10 * EVERY) this.#betweenMs = smooth(this.#betweenMs, now - this.#last);
    this.#last = now;
    if (now - this.#told >= EVERY) this.flush();
  }

  #pace(model: ModelName, round: number, ms: number): number {
    const known = this.#paces.get(model);
    const recent = [...(known?.round === round ? known.recent : []), ms].slice(-RECENT);
    this.#paces.set(model, { round, recent });
    return recent.toSorted((a, b) => a - b)[recent.length >> 1]!;
  }

  flush(): void {
    if (this.#entries.size === 0) return;
    this.#told = performance.now();
    const progress = [...this.#entries].map(([model, { steps, loss, nfe, kept, ms }]) => ({
      model,
      steps: Float64Array.from(steps),
      loss: Float64Array.from(loss),
      nfe: Float64Array.from(nfe),
      kept,
      ms,
    }));
    this.#entries.clear();
    const stepsPerSecond = 1000 / (Number.isNaN(this.#betweenMs) ? this.#stepMs : this.#betweenMs);
    this.#send({ type: 'progress', progress, stepsPerSecond, stepMs: this.#stepMs });
  }
}
