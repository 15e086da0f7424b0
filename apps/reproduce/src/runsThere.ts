import { planStudy } from './plan.ts';
import type { PrunerChoice } from './pruners.ts';
import type { RunIdentity } from './result.ts';
import type { StoredPoint } from './results/files.ts';
import type { Result } from './results/schema.ts';
import type { Budget, FoundData, Study } from './study.ts';
import { budgets, fileDataOf, isInFiles, protocols, prunerNameOf, underProtocol } from './study.ts';

/** A run of a study that left points in a results directory. */
export interface RunThere {
  readonly study: Study;
  readonly identity: RunIdentity;
  readonly pruners: readonly PrunerChoice[];
}

/**
 * Finds out which runs left the points of a results directory: their files do not name studies, but their addresses follow from how a
 * study was run. So each way is planned, and of each study the one is taken that explains most points. Where results say how a study
 * was run, only these ways are tried; other studies get the points that no study before explains in any way.
 *
 * @param results those of the directory, or of all that were merged into it.
 */
export function runsThere(
  available: readonly Study[],
  stored: readonly StoredPoint[],
  results: readonly Result[],
): RunThere[] {
  const studies = protocols.flatMap((protocol) => available.map((study) => underProtocol(study, protocol)));
  const pruners = prunersOf(stored);
  const all = new Set(stored.map(({ point }) => point.address));
  const unexplained = new Set(all);
  const backends = [...new Set(stored.map(({ config }) => config.backend))];
  const seedsThere = seedsAmong(stored);
  const anyWayOf = (study: Study): RunIdentity[] => {
    const { protocol = 'paper' } = study;
    return budgets.flatMap((budget) =>
      backends.flatMap((backend) =>
        filesOf(study, budget, stored).map((found) => ({ budget, protocol, backend, seeds: [], ...found })),
      ),
    );
  };

  const explain = (study: Study, ways: readonly RunIdentity[], among: ReadonlySet<string>): RunThere | undefined => {
    let best: { readonly run: RunThere; readonly count: number } | undefined;
    for (const way of ways) {
      const planned = planStudy(study, { ...way, seeds: union(way.seeds, seedsThere), pruners });
      const points = planned.filter(({ address, prerequisite }) => prerequisite !== true && among.has(address));
      if (points.length <= (best?.count ?? 0)) continue;
      const seeds = union(way.seeds, seedsAmong(points));
      const names = new Set(points.map(({ config }) => prunerNameOf(config.method)));
      best = {
        run: { study, identity: { ...way, seeds }, pruners: pruners.filter(({ name }) => names.has(name)) },
        count: points.length,
      };
    }
    if (best === undefined) return undefined;
    // Its other runs explain points, too, although only one can be shown: other studies that share them need not have been run.
    for (const way of anyWayOf(study))
      planStudy(study, { ...way, seeds: seedsThere, pruners }).forEach(({ address }) => unexplained.delete(address));
    return best.run;
  };

  const waysOf = (study: Study): RunIdentity[] =>
    results
      .filter((result) => result.study === study.name)
      .map(({ budget, protocol, backend, seeds, dataset }) => ({
        budget,
        protocol,
        backend,
        seeds,
        ...(dataset && { found: dataset }),
      }));
  const declared = studies.map((study) => explain(study, waysOf(study), all));
  return studies.flatMap((study, i) => {
    if (waysOf(study).length > 0) return declared[i] ?? [];
    return explain(study, anyWayOf(study), unexplained) ?? [];
  });
}

/** The seeds of points. A fitted normal distribution has none, whatever its configuration says. */
function seedsAmong(points: readonly Pick<StoredPoint, 'config'>[]): number[] {
  return union(
    [],
    points.flatMap(({ config: { method, seed } }) => (method === 'gaussian' ? [] : [seed])),
  );
}

function union(a: readonly number[], b: readonly number[]): number[] {
  return [...new Set([...a, ...b])].sort((x, y) => x - y);
}

/** What the files of a study's data set held when points were computed: an excerpt, the whole set, or both at different times. */
function filesOf(study: Study, budget: Budget, stored: readonly StoredPoint[]): { readonly found?: FoundData }[] {
  const name = fileDataOf(study, budget)?.name;
  if (name === undefined) return [{}];
  const all = stored.flatMap(({ config: { data } }) => (isInFiles(data) && data.name === name ? [data.found] : []));
  return [...new Map(all.map((found) => [found.fingerprint, { found }])).values()];
}

/** The pruners of `--pruner` that left points. What they computed is there, so their files are not needed. */
function prunersOf(stored: readonly StoredPoint[]): PrunerChoice[] {
  const choices = stored.flatMap(({ config: { method, prunerSource = null } }) => {
    const name = prunerNameOf(method);
    return name === undefined ? [] : [{ name, source: prunerSource, file: null }];
  });
  return [...new Map(choices.map((choice) => [`${choice.name} ${choice.source}`, choice])).values()];
}
