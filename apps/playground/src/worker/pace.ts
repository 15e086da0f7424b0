/** Resolves when the messages that wait have been received: a promise alone does not return to the event loop. */
export function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve);
    channel.port2.postMessage(undefined);
  });
}

const channel = new MessageChannel();
const waiting: (() => void)[] = [];
channel.port1.onmessage = () => waiting.shift()!();

/** Says when something may be done again that should take at most a share of the time. */
export class Share {
  readonly #share: number;
  readonly #least: number;
  #next = 0;

  /** @param least - milliseconds from one time to the next, at least */
  constructor(share: number, least: number) {
    this.#share = share;
    this.#least = least;
  }

  get isDue(): boolean {
    return performance.now() >= this.#next;
  }

  async spend<T>(work: () => Promise<T>): Promise<T> {
    const start = performance.now();
    try {
      return await work();
    } finally {
      const took = performance.now() - start;
      this.#next = start + Math.max(this.#least, took / this.#share);
    }
  }
}

/** A running mean over about ten values. */
export function smooth(mean: number, value: number): number {
  return Number.isNaN(mean) ? value : 0.9 * mean + 0.1 * value;
}
