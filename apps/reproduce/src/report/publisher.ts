/** Writes reports while what they are about still changes. */
export interface Publisher<T> {
  /** Something has changed; its report is written now, or soon if another was written just before. */
  changed(subject: T): void;
  /** Writes what is left. */
  flush(): void;
  /** Writes nothing more. */
  close(): void;
}

export interface PublisherOptions {
  /** Milliseconds between two reports, at least. */
  readonly pause?: number;
  /** Share of the time that writing may take: a report of many points takes longer to write than some points to compute. */
  readonly share?: number;
  readonly now?: () => number;
}

/**
 * Writes reports as often as they change, but neither more often than every few seconds nor for more than a small share of the time.
 *
 * @param write writes the reports of what has changed.
 * @param onError takes what `write` throws when no call is there to throw it from.
 */
export function createPublisher<T>(
  write: (subjects: readonly T[]) => void,
  onError: (error: unknown) => void,
  { pause = 2000, share = 0.05, now = Date.now }: PublisherOptions = {},
): Publisher<T> {
  const pending = new Set<T>();
  let next = -Infinity;
  let timer: NodeJS.Timeout | undefined;

  const flush = (): void => {
    clearTimeout(timer);
    timer = undefined;
    if (pending.size === 0) return;
    const subjects = [...pending];
    pending.clear();
    const started = now();
    write(subjects);
    const ended = now();
    next = ended + Math.max(pause, (ended - started) / share);
  };
  return {
    changed(subject) {
      pending.add(subject);
      if (timer !== undefined) return;
      if (now() >= next) return flush();
      timer = setTimeout(() => {
        try {
          flush();
        } catch (error) {
          onError(error);
        }
      }, next - now());
    },
    flush,
    close() {
      clearTimeout(timer);
      pending.clear();
    },
  };
}
