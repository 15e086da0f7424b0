import type { Peak, Row } from '../report.ts';

/** What a suite is given to report to. */
export interface Recorder {
  row(row: Row): void;
  note(text: string): void;
  /** Whether a case is to be measured, by its name in the table. */
  wanted(name: string): boolean;
  /** One line on what is being measured. */
  progress(text: string): void;
  readonly peaks: readonly Peak[];
  /** Milliseconds for each measurement. */
  readonly budget: number;
}

/** The peak that an implementation is compared with. */
export function shareOfPeak(
  peaks: readonly Peak[],
  implementation: string,
  threads: number,
  gflops: number,
): number | null {
  const peak = peaks.find((p) => p.implementation === implementation && p.threads === threads);
  return peak ? gflops / peak.gflops : null;
}
