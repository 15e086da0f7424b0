import type { Outcome, Progress } from './executor.ts';

/** `75` → `1 min 15 s`. */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '…';
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** Share of a point's training, or of its analysis, that is done. */
export function fractionOf({ epoch, epochs }: Progress): number {
  return epochs > 0 ? epoch / epochs : 1;
}

/** Where a point is, in a few words. */
export function describeProgress({ phase, epoch, epochs, loss, nfeForward, nfeBackward }: Progress): string {
  if (phase === 'evaluate') return 'evaluating';
  if (phase === 'analyse') return `step ${epoch} of ${epochs}`;
  return `epoch ${epoch.toFixed(1)}/${epochs}, loss ${loss.toFixed(3)} nats, NFE ${nfeForward}+${nfeBackward}`;
}

/** What came of a point, in a few words. */
export function describeOutcome(outcome: Outcome): string {
  if (outcome.status === 'stopped') return 'stopped';
  if (outcome.status === 'diverged') return `diverged: ${outcome.reason}`;
  if (outcome.status === 'analysed') {
    const [first] = Object.entries(outcome.quantities);
    return `${first === undefined ? 'done' : `${first[0]} ${first[1].value.toPrecision(4)}`}, ${formatDuration(outcome.seconds)}`;
  }
  const { testNll, nfeForward, nfeBackward, parameters } = outcome.measured;
  return `test NLL ${testNll.toFixed(3)} nats, ${parameters} parameters, NFE ${nfeForward}+${nfeBackward}, ${formatDuration(outcome.seconds)}`;
}
