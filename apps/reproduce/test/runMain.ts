import { main } from '../src/main.ts';
import { studies } from '../src/studies/index.ts';
import type { FakeExecutor, FakeOptions } from './fakeExecutor.ts';
import { fakeExecutor } from './fakeExecutor.ts';

/** What the program did. */
export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly executor: FakeExecutor | undefined;
}

export interface Behaviour extends Omit<FakeOptions, 'size' | 'stop'> {
  /** Raises the interrupt when this many points have started. */
  readonly interruptAt?: number;
  readonly checkpointsUsable?: boolean;
}

/** Runs the program with the reference backend and executors that compute nothing. */
export async function runMain(
  cwd: string,
  line: string,
  { interruptAt, checkpointsUsable = true, ...fake }: Behaviour = {},
): Promise<Ran> {
  let stdout = '';
  let stderr = '';
  let executor: FakeExecutor | undefined;
  let interrupt = (): void => undefined;
  let count = 0;
  const code = await main(
    line.split(' ').filter((word) => word !== ''),
    {
      cwd,
      studies,
      stdout: { write: (text: string) => (stdout += text) },
      stderr: { write: (text: string) => (stderr += text) },
      createExecutor(size, stop) {
        const onStart: FakeOptions['onStart'] = () => {
          count += 1;
          if (count === interruptAt) interrupt();
        };
        executor = fakeExecutor({ onStart, ...fake, size, stop });
        return executor;
      },
      canContinueFrom: () => checkpointsUsable,
      onInterrupt(handler) {
        interrupt = handler;
        return () => undefined;
      },
    },
  );
  return { code, stdout, stderr, executor };
}
