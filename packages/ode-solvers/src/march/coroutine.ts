/** A value now, or later where a backend computes asynchronously. */
export type Wait<T> = T | Promise<T>;

/** A computation that hands out what it must wait for. It never does on plain arrays, nor on backends that compute at once. */
export type March<T> = Generator<Promise<unknown>, T, unknown>;

/** Runs a march that never has to wait. */
export function runSync<T>(march: March<T>): T {
  const { done, value } = march.next();
  if (!done) throw new Error('a synchronous march had to wait');
  return value;
}

/** Runs a march, waiting where it must. */
export async function run<T>(march: March<T>): Promise<T> {
  let turn = march.next();
  while (!turn.done) {
    turn = await turn.value.then(
      (value) => march.next(value),
      (error: unknown) => march.throw(error),
    );
  }
  return turn.value;
}

/** Waits if there is something to wait for. Loops over steps ask `instanceof Promise` themselves: a call of this costs as much as a short step. */
export function* wait<T>(value: Wait<T>): March<T> {
  return value instanceof Promise ? ((yield value) as T) : value;
}
