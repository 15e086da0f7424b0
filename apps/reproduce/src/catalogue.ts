import { closest, distance } from 'fastest-levenshtein';
import { UsageError } from './errors.ts';
import type { Study } from './study.ts';

/** What the paper studies, by our names. Those without a file in studies/ cannot be run yet. */
const paperStudies = {
  gaussians: 'NLL against prune ratio, densities',
  'gaussians-spiral': 'NLL against prune ratio, densities',
  spirals: 'NLL against prune ratio, densities',
  moons: 'robustness of decision boundaries',
  'mode-collapse': 'share of good-quality samples',
  'mode-collapse-mnist': 'share of good-quality images',
  hessian: 'curvature at the minimum',
  'vector-field': 'what the flow does in space',
  'ablation-activation': 'sigmoid, softplus, tanh, relu',
  'ablation-model': 'depth against width at equal size',
  'ablation-optimizer': 'learning rate and weight decay',
  'ablation-solver': 'solvers and adjoints',
  'exact-trace': 'the exact trace in place of the estimate',
  power: 'tabular density, 6 dimensions',
  gas: 'tabular density, 8 dimensions',
  hepmass: 'tabular density, 21 dimensions',
  miniboone: 'tabular density, 43 dimensions',
  bsds300: 'image patches, 63 dimensions',
  mnist: 'images, bits per dimension',
  cifar10: 'images, bits per dimension',
} as const;
type StudyName = keyof typeof paperStudies;

const density2d = ['gaussians', 'gaussians-spiral', 'spirals'] as const;
const tabular = ['power', 'gas', 'hepmass', 'miniboone', 'bsds300'] as const;
const images = ['mnist', 'cifar10'] as const;
const supplement = [
  'ablation-activation',
  'ablation-model',
  'ablation-optimizer',
  'ablation-solver',
  'exact-trace',
] as const;

/** Groups of studies: the paper's tables and figures, and two wider ones. */
const groups: Readonly<Record<string, readonly StudyName[]>> = {
  table2: tabular,
  table3: images,
  table4: ['mode-collapse', 'mode-collapse-mnist'],
  table5: ['hessian', 'gaussians'],
  figure2: [...density2d, ...tabular],
  figure3: ['hessian'],
  figure4: density2d,
  figure5: density2d,
  figure6: ['vector-field'],
  figure7: tabular,
  figure8: images,
  figure9: ['moons'],
  toy: [...density2d, 'moons', 'mode-collapse', 'hessian', 'vector-field', ...supplement],
  all: Object.keys(paperStudies) as StudyName[],
};

/** Every name that the command line knows, and whether it can be run. */
export interface Catalogue {
  readonly studies: readonly { readonly name: string; readonly about: string; readonly available: boolean }[];
  readonly groups: readonly { readonly name: string; readonly members: readonly string[] }[];
}

/** The catalogue, given the studies that exist. */
export function catalogue(available: readonly Study[]): Catalogue {
  const existing = new Set(available.map((study) => study.name));
  return {
    studies: Object.entries(paperStudies).map(([name, about]) => ({ name, about, available: existing.has(name) })),
    groups: Object.entries(groups).map(([name, members]) => ({ name, members })),
  };
}

/** The studies behind the names on the command line, in the catalogue's order, each once. */
export interface Selection {
  readonly studies: readonly Study[];
  /** Those of them that were named themselves, not as members of a group. */
  readonly named: ReadonlySet<string>;
  /** Members of groups that cannot be run yet. */
  readonly missing: readonly string[];
}

/**
 * Expands names and groups into studies.
 *
 * @throws UsageError for an unknown name (with the nearest known one), for a study that cannot be run yet, and for a group of which none can.
 */
export function selectStudies(names: readonly string[], available: readonly Study[]): Selection {
  const byName = new Map(available.map((study) => [study.name, study]));
  const chosen = new Set<string>();
  const named = new Set<string>();
  const missing = new Set<string>();
  for (const name of names) {
    const members = Object.hasOwn(groups, name) ? groups[name]! : undefined;
    if (byName.has(name)) {
      chosen.add(name);
      named.add(name);
    } else if (members !== undefined) {
      const present = members.filter((member) => byName.has(member));
      if (present.length === 0) throw notAvailable(`group '${name}' (${members.join(', ')})`, byName);
      for (const member of members) (byName.has(member) ? chosen : missing).add(member);
    } else if (Object.hasOwn(paperStudies, name)) {
      throw notAvailable(`study '${name}'`, byName);
    } else {
      throw unknownStudy(name);
    }
  }
  return { studies: available.filter((study) => chosen.has(study.name)), named, missing: [...missing] };
}

function notAvailable(what: string, byName: ReadonlyMap<string, Study>): UsageError {
  return new UsageError(`${what} is not yet available`, `choose one of: ${[...byName.keys()].join(', ')}`);
}

function unknownStudy(name: string): UsageError {
  const known = [...Object.keys(paperStudies), ...Object.keys(groups)];
  const nearest = closest(name.toLowerCase(), known);
  // More than half of the letters wrong is not a slip of the finger.
  const near = distance(name.toLowerCase(), nearest) <= Math.max(2, Math.floor(nearest.length / 2));
  return new UsageError(
    `unknown study '${name}'${near ? ` (did you mean '${nearest}'?)` : ''}`,
    'run `pnpm reproduce list` to see every name',
  );
}
