import type { Curvature } from '../analysis.ts';
import type { AnalysisPlan, AnalysisStudy, Measure } from '../study.ts';
import { chainMethods, ratiosNear } from '../study.ts';
import { gaussians } from './gaussians.ts';

/** Prune ratio; λ_max, trace and condition number relative to the dense flow (Table 5). */
const table5: readonly (readonly [number, number, number, number])[] = [
  [0, 1, 1, 1],
  [0.2, 0.976, 0.858, 0.825],
  [0.6, 0.356, 0.583, 0.717],
  [0.7, 0.295, 0.34, 0.709],
  [0.9, 0.416, 0.366, 0.547],
];

function published(column: 1 | 2 | 3): Measure['published'] {
  return table5.map((row) => ({
    method: row[0] === 0 ? 'dense' : 'unstructured',
    pruneRatio: row[0],
    value: row[column],
    where: 'Table 5',
  }));
}

const analysis: Curvature = {
  kind: 'curvature',
  share: 0.1,
  steps: 60,
  traceSamples: 30,
  density: { probes: 3, steps: 100 },
  exactUpTo: 200,
  landscape: { line: 41, plane: 21, reach: 1, reachTop: 0.5 },
};
const plan: AnalysisPlan = { methods: chainMethods, pruneRatios: table5.slice(1).map(([ratio]) => ratio), analysis };

/** How curved the loss is at the flows that were found: the paper's Table 5 and Figure 3. */
export const hessian: AnalysisStudy = {
  name: 'hessian',
  title: 'Curvature at the minimum',
  about: 'Whether pruned flows lie in flatter minima, in the weights that they still have.',
  of: [gaussians],
  budgets: {
    smoke: {
      ...plan,
      analysis: {
        ...analysis,
        steps: 5,
        traceSamples: 2,
        density: { probes: 2, steps: 5 },
        exactUpTo: 0,
        landscape: { ...analysis.landscape, line: 9, plane: 5 },
      },
    },
    quick: {
      ...plan,
      analysis: {
        ...analysis,
        share: 0.02,
        steps: 30,
        traceSamples: 10,
        density: { probes: 2, steps: 25 },
        exactUpTo: 65,
        landscape: { ...analysis.landscape, line: 31, plane: 15 },
      },
    },
    paper: plan,
  },
  measures: [
    {
      name: 'lambdaMax',
      label: 'λ max',
      about: 'largest eigenvalue of the Hessian by the Lanczos method',
      digits: 3,
      better: 'lower',
      curve: true,
      at: ratiosNear(0.6),
      relative: true,
      published: published(1),
    },
    {
      name: 'trace',
      label: 'trace',
      about: 'trace of the Hessian by Hutchinson’s estimator, or from all eigenvalues where few parameters are left',
      digits: 3,
      better: 'lower',
      curve: true,
      at: ratiosNear(0.6),
      relative: true,
      published: [],
    },
    {
      name: 'originalTrace',
      label: 'Σ positive Ritz',
      about: 'what the original code calls trace, the sum of the positive Ritz values of the quadrature',
      digits: 3,
      relative: true,
      published: published(2),
    },
    {
      name: 'originalKappa',
      label: 'κ of positive Ritz',
      about: 'what the original code calls condition number, the largest over the smallest positive Ritz value',
      digits: 3,
      relative: true,
      published: published(3),
    },
    {
      name: 'lambdaMax',
      label: 'λ max, absolute',
      about: 'in nats per squared unit of the parameters',
      digits: 2,
      published: [],
    },
    {
      name: 'residual',
      label: 'residual',
      about: 'of λ max: a true eigenvalue is at most this far away',
      digits: 3,
      published: [],
    },
    { name: 'trace', label: 'trace, absolute', about: 'in the same unit', digits: 1, published: [] },
    {
      name: 'condition',
      label: 'condition number',
      about: 'largest over smallest |eigenvalue|, where all are known',
      digits: 0,
      published: [],
    },
    { name: 'negative', label: 'negative (%)', about: 'share of the eigenvalues below zero', digits: 1, published: [] },
    {
      name: 'loss',
      label: 'loss',
      about: 'mean NLL on the points that the Hessian is of, in nats',
      digits: 3,
      published: [],
    },
  ],
  references: gaussians.references.filter(({ where }) => where === 'Table 5'),
  remarks: [
    'Pruned coordinates are gone, not flat: the Hessian is P H P on the parameters that are left, so that a smaller trace may only mean fewer parameters. The rows pruned at random to the same size are what to compare with.',
    'The smallest positive Ritz value is near zero by chance, so the original’s condition number has a spread of orders of magnitude.',
    'Table 5 does not name its pruner; the text around it uses unstructured pruning.',
  ],
};
