import type { BudgetPlan, OtherModel, Reference, Solver, StackedNet, TrainingStudy } from '../study.ts';

/** What all tabular studies of the paper have in common (FFJORD's experiments): solver, optimiser, and how their likelihoods are evaluated. */
export const tabularSolver: Solver = { method: 'dopri5', rtol: 1e-6, atol: 1e-8, adjoint: 'backsolve' };
export const tabularOptimiser: TrainingStudy['optimiser'] = { name: 'adam', learningRate: 1e-3, weightDecay: 1e-6 };

/** Coarser than the paper's, for budgets of minutes. */
export const quickSolver: Solver = { method: 'dopri5', rtol: 1e-4, atol: 1e-4, adjoint: 'checkpoint' };

/** Likelihoods of all rows of validation and test sets; those of training rows are there to see overfitting. */
export const wholeSets: BudgetPlan['evaluation'] = {
  trainRows: 10000,
  validationRows: null,
  testRows: null,
  grid: 0,
  samples: 0,
};

/** FFJORD's net for a data set: hidden layers of `factor` times its dimension. */
export function ffjordNet(
  dim: number,
  layers: number,
  factor: number,
  blocks: number,
  activation: StackedNet['activation'],
): StackedNet {
  return { kind: 'stacked', dim, hidden: new Array<number>(layers).fill(factor * dim), blocks, activation };
}

/** Enough to run everything once, on a few rows. */
export function smokePlan(plan: BudgetPlan, net: StackedNet): BudgetPlan {
  const { data, milestones: _, ...rest } = plan;
  return {
    ...rest,
    seeds: 1,
    data: { ...data, rows: { train: 64, validation: 16, test: 16 } } as BudgetPlan['data'],
    instead: { net: { ...net, hidden: net.hidden.map(() => 4), blocks: Math.min(2, net.blocks) }, solver: quickSolver },
    epochs: 2,
    batch: 32,
    keepRatios: [0.6],
    evaluation: { trainRows: 16, validationRows: null, testRows: null, grid: 0, samples: 0 },
  };
}

/** FFJORD's and Sparse Flow's rows of the paper's Table 2; its Sparse Flow rows are of unstructured pruning. */
export function table2(
  dense: number,
  parameters: number,
  sparse: readonly (readonly [nll: number, parameters: number])[],
) {
  const common = { source: 'paper', where: 'Table 2', seed: null, nfeForward: null, nfeBackward: null } as const;
  return [
    { ...common, method: 'dense', pruneRatio: 0, testNll: dense, note: null },
    ...sparse.map(([testNll, left]) => ({
      ...common,
      method: 'unstructured' as const,
      // From the rounded numbers of parameters that are printed.
      pruneRatio: Math.round((1 - left / parameters) * 1000) / 1000,
      testNll,
      note: null,
    })),
  ] satisfies Reference[];
}

/** The other models of Table 2. */
const models = ['MADE', 'Real NVP', 'MAF', 'Glow', 'CP-Flow', 'TAN', 'NAF', 'SOS'] as const;
type Printed = readonly [value: number, parameters: number | null] | null;

/** What a table of the paper prints of other models, in the order of their names; null where it prints nothing. */
export function otherModels(values: readonly Printed[], names: readonly string[] = models): readonly OtherModel[] {
  return values.flatMap((printed, i) =>
    printed === null ? [] : [{ model: names[i]!, value: printed[0], parameters: printed[1] }],
  );
}
