import type { Step } from '../options.ts';

/** The accepted steps of a solve as they come. */
export interface StepLog {
  add(t: number, dt: number): void;
  /** Says where the last step ends, where that is not at the start of the next one. */
  amend(more: Pick<Step, 'until' | 'end'>): void;
  clear(): void;
}

/** Steps as objects. */
export class Steps implements StepLog {
  readonly list: Step[] = [];

  add(t: number, dt: number): void {
    this.list.push({ t, dt });
  }

  amend(more: Pick<Step, 'until' | 'end'>): void {
    Object.assign(this.list.at(-1)!, more);
  }

  clear(): void {
    this.list.length = 0;
  }
}
