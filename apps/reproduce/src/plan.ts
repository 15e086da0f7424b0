import type { PrunerChoice } from './pruners.ts';
import { contentAddress } from './results/canonicalJson.ts';
import type { Budget, BudgetPlan, Method, Net, Optimiser, Protocol, Solver, Study, ToyData } from './study.ts';
import { chainMethods } from './study.ts';

/** Raised whenever the same configuration would give other numbers, so that kept points of older versions are not mixed in. */
const numericsVersion = 1;

/** When a round of training ends. */
export interface Training {
  /** Epochs of the round; with `patience`, the most it may take. */
  readonly epochs: number;
  readonly batch: number;
  /** Epochs without a better validation loss after which the round ends and its best parameters are kept; null trains all epochs. */
  readonly patience: number | null;
}

/**
 * Everything that decides a point's numbers, and nothing else: its content address is the hash of this object. `parent` is the address
 * of the point whose parameters and mask it continues from, so the whole history counts.
 */
export interface PointConfig {
  readonly numerics: number;
  readonly data: ToyData;
  readonly net: Net;
  readonly solver: Solver;
  readonly optimiser: Optimiser;
  readonly training: Training;
  readonly evaluation: BudgetPlan['evaluation'];
  /** Whether the density on a grid and samples are kept for the figures, and the half side of the square they are drawn on. */
  readonly draw: { readonly extent: number } | null;
  readonly method: Method;
  /** Hash of the pruner's file, for one that is not built in. */
  readonly prunerSource?: string;
  /** 0 for the dense point, then 1, 2, … */
  readonly round: number;
  /** Share of the dense size that is kept; 1 for dense and control. */
  readonly keepRatio: number;
  readonly seed: number;
  readonly backend: string;
  readonly parent: string | null;
}

/** One row of a study to be computed: training and evaluating one flow. */
export interface PlannedPoint {
  readonly study: string;
  readonly address: string;
  readonly config: PointConfig;
  /** Ratio of the pruned points of the same round, also for the control that stands beside them. */
  readonly pruneRatio: number;
  /** Relative cost, for the estimate of the remaining time. */
  readonly work: number;
  /** Shown in progress lines, such as `gaussians seed 0 unstructured 60 %`. */
  readonly label: string;
  /** For the methods that `--pruner` asked for. */
  readonly pruner?: PrunerChoice;
  /** What the parent's training continued from: its parent. */
  readonly grandparent?: string | null;
}

/** `ratio` in percent with at most one decimal, such as `60` or `58.5`. */
export function percent(ratio: number): string {
  return String(Math.round(ratio * 1000) / 10);
}

/** 1 - keep without the noise of binary fractions: .4 gives .6. */
export function pruneRatioOf(keepRatio: number): number {
  return Math.round((1 - keepRatio) * 1e9) / 1e9;
}

/**
 * Every point of a study, parents before children: per seed the dense flow, then one chain of rounds per method. All chains of a seed
 * share its dense point. Densities are drawn for the first seed only, for the dense flow and at the plan's `drawn` ratios.
 */
export function planStudy(
  study: Study,
  options: {
    readonly budget: Budget;
    readonly protocol: Protocol;
    readonly seeds: number;
    readonly backend: string;
    readonly pruners?: readonly PrunerChoice[];
  },
): PlannedPoint[] {
  const plan = study.budgets[options.budget];
  const training: Training =
    options.protocol === 'paper'
      ? { epochs: plan.epochs, batch: plan.batch, patience: null }
      : { epochs: plan.epochs * 10, batch: plan.batch, patience: Math.max(2, Math.ceil(plan.epochs / 5)) };
  const points: PlannedPoint[] = [];

  const add = (
    seed: number,
    method: Method,
    round: number,
    keepRatio: number,
    parent: PlannedPoint | null,
    pruner?: PrunerChoice,
  ): PlannedPoint => {
    const pruned = method === 'dense' || method === 'control' ? 1 : keepRatio;
    const drawn =
      seed === 0 &&
      (method === 'dense' || (method !== 'random' && pruner === undefined && plan.drawn.includes(keepRatio)));
    const config: PointConfig = {
      numerics: numericsVersion,
      data: plan.data,
      net: study.net,
      solver: study.solver,
      optimiser: study.optimiser,
      training,
      evaluation: plan.evaluation,
      draw: drawn ? { extent: study.extent } : null,
      method,
      ...(pruner?.source ? { prunerSource: pruner.source } : {}),
      round,
      keepRatio: pruned,
      seed,
      backend: options.backend,
      parent: parent?.address ?? null,
    };
    const pruneRatio = pruneRatioOf(keepRatio);
    const at = method === 'dense' ? '' : ` ${percent(pruneRatio)} %`;
    const point: PlannedPoint = {
      study: study.name,
      address: contentAddress(config),
      config,
      pruneRatio,
      work: plan.epochs,
      label: `${study.name} seed ${seed} ${pruner?.name ?? method}${at}`,
      ...(pruner ? { pruner, grandparent: parent?.config.parent ?? null } : {}),
    };
    points.push(point);
    return point;
  };

  for (let seed = 0; seed < options.seeds; seed++) {
    const dense = add(seed, 'dense', 0, 1, null);
    const chains = [
      ...chainMethods.map((method) => ({ method, pruner: undefined })),
      ...(options.pruners ?? []).map((pruner) => ({ method: `pruner:${pruner.name}` as const, pruner })),
    ];
    for (const { method, pruner } of chains) {
      let parent = dense;
      plan.keepRatios.forEach((keepRatio, i) => (parent = add(seed, method, i + 1, keepRatio, parent, pruner)));
    }
  }
  return points;
}
