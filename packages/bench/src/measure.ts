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
export async function measure(call: () => unknown, options: MeasureOptions = {}): Promise<Timing> {
  return (await measureInTurn([call], options))[0]!;
}

/** The same for several calls, one after the other in turn, so that they can be compared on a machine whose speed changes. */
export async function measureInTurn(
  calls: readonly (() => unknown)[],
  { budget = 600, least = 5 }: MeasureOptions = {},
): Promise<readonly Timing[]> {
  const warmUntil = performance.now() + budget / 3;
  let warm = 0;
  do {
    for (const call of calls) await call();
    warm++;
  } while (performance.now() < warmUntil && warm < 2000);
  const times: number[][] = calls.map(() => []);
  const until = performance.now() + budget;
  while (times[0]!.length < least || (performance.now() < until && times[0]!.length < 5000)) {
    for (const [i, call] of calls.entries()) {
      const start = performance.now();
      const result = call();
      if (result instanceof Promise) await result;
      times[i]!.push(performance.now() - start);
    }
  }
  return times.map((list) => {
    list.sort((a, b) => a - b);
    const at = (share: number): number => list[Math.min(list.length - 1, Math.floor(share * list.length))]!;
    const ms = at(0.5);
    return { ms, spread: ms > 0 ? (at(0.75) - at(0.25)) / 2 / ms : 0, calls: list.length };
  });
}
