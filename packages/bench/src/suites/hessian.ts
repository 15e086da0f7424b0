import { cnf, mlp, exact } from '@sparseflow/cnf';
import { gaussians } from '@sparseflow/datasets';
import { disposeTree, grad, hvp, key, scope, tensor, type Backend, type Params } from '@sparseflow/tensor';
import { measure } from '../measure.ts';
import { paths } from '../paths.ts';
import { STUDIES, TOLERANCE } from '../studies.ts';
import type { Recorder } from './suite.ts';

interface Prepared {
  /** One gradient and one Hessian-vector product of the frozen loss; their results are freed. */
  gradient(): void;
  product(): void;
  readonly nfe: number;
  dispose(): void;
}

/** The loss of the gaussians flow with the steps that the solver takes, and the exact trace, held fixed. */
async function prepare(backend: Backend): Promise<Prepared> {
  const { hidden } = STUDIES[0]!;
  const flow = cnf({ field: mlp({ dim: 2, hidden, activation: 'sigmoid' }), rtol: TOLERANCE, atol: TOLERANCE });
  const params = flow.init(key(1), { backend });
  const direction = flow.init(key(2), { backend });
  // A tenth of the study's training data: 1,638 points.
  const { validation } = gaussians(key(0), { trainPerMode: 2730 });
  const x = tensor(Float32Array.from(validation.points), { backend, shape: [validation.count, 2] });
  const { loss, stats, dispose } = await flow.frozenLoss(params, x, { divergence: exact() });
  const run = (compute: () => Params): void => disposeTree(scope(compute));
  return {
    gradient: () => run(() => grad(loss)(params)),
    product: () => run(() => hvp(loss, params, direction)),
    nfe: stats.nfe,
    dispose() {
      dispose();
      disposeTree([params, direction, x]);
    },
  };
}

/** A Hessian-vector product of the gaussians flow beside its gradient, through the same steps of the same solve. */
export async function hessian(record: Recorder): Promise<void> {
  if (!record.wanted('gaussians')) return;
  for (const { name, threads, create } of paths()) {
    record.progress(`hessian: ${name}, ${threads} thread${threads > 1 ? 's' : ''}`);
    const prepared = await prepare(create());
    try {
      const row = { case: 'gaussians', implementation: name, threads, gflops: null, shareOfPeak: null };
      const nfe = [prepared.nfe, 0] as const;
      const gradient = await measure(prepared.gradient, { budget: 3 * record.budget });
      const product = await measure(prepared.product, { budget: 3 * record.budget });
      record.row({ ...row, op: 'gradient', ms: gradient.ms, spread: gradient.spread, nfe });
      const note = `${(product.ms / gradient.ms).toFixed(1)} × the gradient`;
      record.row({ ...row, op: 'Hessian-vector product', ms: product.ms, spread: product.spread, nfe, note });
    } finally {
      prepared.dispose();
    }
  }
}
