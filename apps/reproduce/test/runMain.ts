import { findData } from '../src/data/findData.ts';
import { main } from '../src/main.ts';
import { studies } from '../src/studies/index.ts';
import type { FileData, FoundData } from '../src/study.ts';
import type { FakeExecutor, FakeOptions } from './fakeExecutor.ts';
import { fakeExecutor } from './fakeExecutor.ts';

/** A whole data set, as far as anyone can see. */
export const sampleFound: FoundData = { fingerprint: 'f00d', train: 1000, validation: 100, test: 100, reason: null };

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
  /** What data files are said to hold, by name; absent: files are looked for. */
  readonly found?: Partial<Record<FileData['name'], FoundData>>;
}

/** Runs the program with the reference backend and executors that compute nothing. */
export async function runMain(
  cwd: string,
  line: string,
  { interruptAt, checkpointsUsable = true, found, ...fake }: Behaviour = {},
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
      findData: found === undefined ? findData : (name) => Promise.resolve(found[name] ?? sampleFound),
      canContinueFrom: () => checkpointsUsable,
      onInterrupt(handler) {
        interrupt = handler;
        return () => undefined;
      },
    },
  );
  return { code, stdout, stderr, executor };
}
