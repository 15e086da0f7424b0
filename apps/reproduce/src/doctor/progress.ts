import { createLogUpdate } from 'log-update';
import type { ProgressStream } from '../run/progress.ts';
import { renderView } from '../run/view.ts';

/** Milliseconds between redraws; more of them would only flicker. */
const INTERVAL = 200;

/** Shows how the examination of one backend is coming along. */
export interface Examining {
  readonly operation: (op: string, done: number, all: number) => void;
  readonly end: () => void;
}

/** A bar on a terminal that can draw it, which is gone in the end; elsewhere one line. */
export function showExamining(
  stream: ProgressStream,
  name: string,
  env: Readonly<Record<string, string | undefined>> = process.env,
): Examining {
  if (stream.isTTY !== true || env['TERM'] === 'dumb') {
    stream.write(`trying ${name} …\n`);
    return { operation: () => undefined, end: () => undefined };
  }
  const screen = createLogUpdate(stream as NodeJS.WriteStream);
  const draw = (share: number, what: string): void =>
    screen(renderView([{ share, text: `${name}: ${what}` }], stream.columns ?? 80, !env['NO_COLOR']));
  draw(0, 'starting');
  let drawn = 0;
  return {
    operation(op, done, all) {
      if (done > 0 && Date.now() - drawn < INTERVAL) return;
      drawn = Date.now();
      draw(done / all, `${done}/${all} operations, ${op}`);
    },
    end() {
      screen.clear();
      screen.done();
    },
  };
}
