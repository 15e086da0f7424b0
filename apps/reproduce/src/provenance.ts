import { describeMachine, describeVersions } from './machine.ts';
import type { Result } from './results/schema.ts';

/** How a result came about; nothing in here changes its points. */
export type Provenance = Pick<Result, 'run' | 'machine' | 'machines' | 'versions'>;

/** What is known of this machine and this program. */
export function originHere(): Pick<Provenance, 'machine' | 'versions'> {
  return { machine: describeMachine(), versions: describeVersions() };
}

/**
 * How points came about that several runs made: all their commands, machines and versions, and their times together.
 *
 * @param origins at least one; that with most points first.
 */
export function combined(origins: readonly Provenance[]): Provenance {
  const [first] = origins;
  const { run, machine, machines: several, versions } = first!;
  if (origins.length === 1) return { run, machine, ...(several && { machines: several }), versions };
  const machines = distinct(origins.flatMap((origin) => origin.machines ?? [origin.machine]));
  const runs = origins.map((origin) => origin.run);
  const names = distinct(origins.flatMap((origin) => Object.keys(origin.versions)));
  return {
    run: {
      command: distinct(runs.flatMap(({ command }) => command.split('; '))).join('; '),
      finished: runs
        .map(({ finished }) => finished)
        .sort()
        .at(-1)!,
      wallSeconds: Math.round(10 * sum(runs.map(({ wallSeconds }) => wallSeconds))) / 10,
      workers: run.workers,
      kept: 0,
      runs: sum(runs.map(({ runs: count = 1 }) => count)),
    },
    machine,
    ...(machines.length > 1 ? { machines } : {}),
    // An older result may not say all that a newer one does.
    versions: Object.fromEntries(
      names.map((name) => {
        const values = origins.flatMap((origin) => (origin.versions[name] ?? 'unknown').split(' and '));
        return [name, distinct(values).join(' and ')];
      }),
    ),
  };
}

/**
 * How a result came about whose points are partly from before: this run's part and the earlier ones'. A run that has computed none of the
 * points says nothing about how they were made.
 *
 * @param computed points that this run has computed.
 */
export function continued(earlier: Provenance | undefined, here: Provenance, computed: number): Provenance {
  if (earlier === undefined) return here;
  if (computed === 0) return combined([earlier]);
  const both = combined([earlier, here]);
  const { workers, kept } = here.run;
  return { ...both, run: { ...both.run, workers, kept } };
}

function distinct<T>(values: readonly T[]): T[] {
  return [...new Map(values.map((value) => [JSON.stringify(value), value])).values()];
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
