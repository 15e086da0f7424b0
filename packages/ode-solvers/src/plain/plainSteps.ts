import type { StepLog } from '../march/steps.ts';
import type { Step } from '../options.ts';

const CHUNK = 128;
/** A copy of this is a chunk: on the heap, and so had in a fraction of the time that a typed array takes. */
const EMPTY: readonly number[] = /* @__PURE__ */ Array.from({ length: 2 * CHUNK }, () => NaN);

/** Steps as plain numbers: an object for each would cost half as much as the step's arithmetic. */
export class PlainSteps implements StepLog {
  /** t and dt of each step in turn, so many steps to an array: one that grows would be copied. */
  readonly #chunks: number[][] = [];
  #last: number[] = [];
  #count = 0;
  /** What few steps have besides. */
  readonly #more: Pick<Step, 'until' | 'end'>[] = [];
  #list: readonly Step[] | undefined;

  add(t: number, dt: number): void {
    const at = 2 * (this.#count++ % CHUNK);
    if (at === 0) this.#chunks.push((this.#last = EMPTY.slice()));
    this.#last[at] = t;
    this.#last[at + 1] = dt;
  }

  amend(more: Pick<Step, 'until' | 'end'>): void {
    this.#more[this.#count - 1] = more;
  }

  clear(): void {
    this.#chunks.length = this.#more.length = this.#count = 0;
  }

  /** To be asked for when all of them are there. */
  get list(): readonly Step[] {
    return (this.#list ??= Array.from({ length: this.#count }, (_, n) => {
      const chunk = this.#chunks[Math.floor(n / CHUNK)]!;
      const at = 2 * (n % CHUNK);
      return { t: chunk[at]!, dt: chunk[at + 1]!, ...this.#more[n] };
    }));
  }
}
