import cliTruncate from 'cli-truncate';
import { createColors } from 'picocolors';

/** One bar and what stands beside it. */
export interface ViewRow {
  /** In [0, 1]. */
  readonly share: number;
  /** The part that must be read first; the rest is cut off where the terminal ends. */
  readonly text: string;
}

/** The bars as lines that fit a terminal: narrow ones get a shorter bar, very narrow ones none. */
export function renderView(rows: readonly ViewRow[], columns: number, colour: boolean): string {
  const { cyan, dim } = createColors(colour);
  const size = columns < 50 ? 0 : Math.min(24, Math.floor(columns / 5));
  return rows
    .map(({ share, text }) => {
      const filled = Math.round(Math.min(1, Math.max(0, share)) * size);
      const bar = size === 0 ? '' : `${cyan('█'.repeat(filled))}${dim('░'.repeat(size - filled))} `;
      const line = ` ${bar}${String(Math.floor(share * 100)).padStart(3)} % ${text}`;
      // One column is left free: some terminals begin a new line when the last one is written to.
      return cliTruncate(line, Math.max(1, columns - 1));
    })
    .join('\n');
}
