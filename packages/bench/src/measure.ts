/** How long one measurement may take. */
export interface MeasureOptions {
  /** Milliseconds of measured calls, after about a third of that to warm up. Default 600. */
  readonly budget?: number;
  /** Measured calls, however long they take. Default 5. */
  readonly least?: number;
}

export interface Timing {
  /** Median. */
  readonly ms: number;
  /** Half the distance between the quartiles over the median. */
  readonly spread: number;
  readonly calls: number;
}

/**
 * The median time of a call, with its spread. It runs until it is warm: compilers that optimise while a program runs need that.
 *
 * @example
 * ```ts
 * import { measure } from '@sparseflow/bench';
 *
 * const { ms, spread } = await measure(() => Math.hypot(3, 4), { budget: 5 });
 * console.log(ms >= 0, spread >= 0); // true true
 * ```
 */
export async function measure(call: () => unknown, { budget = 600, least = 5 }: MeasureOptions = {}): Promise<Timing> {
  const warmUntil = performance.now() + budget / 3;
  let warm = 0;
  do {
    await call();
    warm++;
  } while (performance.now() < warmUntil && warm < 2000);
  const times: number[] = [];
  const until = performance.now() + budget;
  while (times.length < least || (performance.now() < until && times.length < 5000)) {
    const start = performance.now();
    const result = call();
    if (result instanceof Promise) await result;
    times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  const at = (share: number): number => times[Math.min(times.length - 1, Math.floor(share * times.length))]!;
  const ms = at(0.5);
  return { ms, spread: ms > 0 ? (at(0.75) - at(0.25)) / 2 / ms : 0, calls: times.length };
}
