import { rmSync } from 'node:fs';
import { evaluateNll, exact } from '@sparseflow/cnf';
import {
  RecordMismatchError,
  filterNormalizedDirection,
  hessianOperator,
  hutchinsonTrace,
  lanczos,
  landscape,
  resumable,
  restrict,
  spectralDensity,
  unflatten,
} from '@sparseflow/hessian';
import type { Layout, RestrictedOperator, SpectralDensity } from '@sparseflow/hessian';
import { disposeTree, fold, permutation, tensor } from '@sparseflow/tensor';
import type { Params, Tensor } from '@sparseflow/tensor';
import type { Curvature } from '../../analysis.ts';
import type { Quantity } from '../../results/schema.ts';
import { divergenceReason } from '../divergence.ts';
import type { Findings, Subject } from './analyse.ts';
import { productFile } from './productFile.ts';

/** Points in one part of the loss: a product holds the values of all its evaluations in memory. */
const batchSize = 512;

/**
 * The curvature of the mean negative log-likelihood (exact trace) on a part of the training points, in the parameters that are left: the
 * Hessian's largest eigenvalue, trace, density, and the loss around the minimum. Products with the Hessian are kept in the state file.
 */
export async function curvature(subject: Subject, analysis: Curvature): Promise<Findings> {
  const { data, key, backend } = subject;
  const { points, count, dim } = data.train;
  const rows = permutation(fold(key, 0), count).subarray(0, Math.max(1, Math.round(analysis.share * count)));
  const chosen = Float64Array.from(
    { length: rows.length * dim },
    (_, i) => points[rows[Math.floor(i / dim)]! * dim + (i % dim)]!,
  );
  const inputs: Tensor[] = [];
  const frozen: { dispose(): void }[] = [];
  try {
    const batches: { batch: (params: Params) => Tensor; weight: number }[] = [];
    for (let start = 0; start < rows.length; start += batchSize) {
      const weight = Math.min(batchSize, rows.length - start);
      const x = tensor(chosen.subarray(start * dim, (start + weight) * dim), { backend, shape: [weight, dim] });
      inputs.push(x);
      const part = await subject.flow.frozenLoss(subject.params, x, { divergence: exact(), signal: subject.signal });
      frozen.push(part);
      batches.push({ batch: part.loss, weight });
    }
    const whole = await hessianOperator((params, loss) => loss(params), subject.params, batches, {
      signal: subject.signal,
      unchecked: true,
    });
    const hessian = await restrict(whole, subject.masks);
    return await attempt(subject, () => measure(subject, analysis, hessian, whole.layout, chosen));
  } finally {
    disposeTree(inputs);
    for (const part of frozen) part.dispose();
  }
}

/** Products of other numerics (another processor, say) cannot be gone on from: they are computed again. */
async function attempt<T>({ statePath }: Subject, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof RecordMismatchError)) throw error;
    rmSync(statePath, { force: true });
    return run();
  }
}

async function measure(
  { flow, params, masks, key, backend, extent, statePath, signal, step }: Subject,
  { steps, traceSamples, density: slq, exactUpTo, landscape: around }: Curvature,
  restricted: RestrictedOperator,
  layout: Layout,
  chosen: Float64Array,
): Promise<Findings> {
  const n = restricted.dimension;
  const spectrumIsExact = n <= exactUpTo;
  const drawings = 2 * around.line + around.plane ** 2;
  const products = (spectrumIsExact ? n : Math.min(n, steps)) + traceSamples + slq.probes * Math.min(n, slq.steps);
  const hessian = resumable(restricted, {
    record: productFile(statePath, n),
    signal,
    // Those from the record take no time: the first report says where the analysis goes on.
    onProduct: (done, fromRecord) => fromRecord || step(done, products + drawings),
  });

  // All of the spectrum where that is affordable; otherwise its upper end.
  const top = await lanczos(hessian, {
    k: spectrumIsExact ? n : 1,
    which: 'largest',
    tolerance: 1e-3,
    maxIterations: spectrumIsExact ? n : Math.min(n, steps),
    key: fold(key, 1),
  });
  const trace = await hutchinsonTrace(hessian, { samples: traceSamples, key: fold(key, 2) });
  const density = await spectralDensity(hessian, { ...slq, key: fold(key, 3) });

  const evaluated = async (at: Params): Promise<number> => {
    try {
      return (await evaluateNll(flow, at, chosen, { backend })).nll;
    } catch (error) {
      // Far from the minimum the flow may have no solution: a hole in the landscape.
      if (divergenceReason(error) === undefined) throw error;
      return NaN;
    }
  };
  const reporting = (offset: number) => ({
    signal,
    onPoint: (done: number) => step(products + offset + done, products + drawings),
  });
  const directions = [
    await filterNormalizedDirection(params, fold(key, 4), masks),
    await filterNormalizedDirection(params, fold(key, 5), masks),
    unflatten(restricted.expand(top.vectors[0]!), params, layout),
  ] as const;
  try {
    const line = coordinates(around.line, around.reach);
    const alongTop = coordinates(around.line, around.reachTop);
    const plane = coordinates(around.plane, around.reach);
    const random = await landscape(evaluated, params, [directions[0]], { x: line }, reporting(0));
    const topmost = await landscape(evaluated, params, [directions[2]], { x: alongTop }, reporting(around.line));
    const both = await landscape(
      evaluated,
      params,
      [directions[0], directions[1]],
      { x: plane },
      reporting(2 * around.line),
    );
    const values = spectrumIsExact ? top.values : undefined;
    const sizes = values?.map(Math.abs);
    const exactly = (value: number): Quantity => ({ value, standardError: null });
    return {
      quantities: {
        loss: exactly(await evaluated(params)),
        lambdaMax: exactly(top.values[0]!),
        residual: exactly(top.residuals[0]!),
        trace: values === undefined ? estimated(trace) : exactly(values.reduce((sum, x) => sum + x, 0)),
        ...(sizes === undefined ? {} : { condition: exactly(Math.max(...sizes) / Math.min(...sizes)) }),
        negative: estimated(
          scaled(
            density.average((x) => Number(x < 0)),
            100,
          ),
        ),
        ...originalQuantities(density),
      },
      artefact: {
        extent,
        arrays: {
          ritz: nodesOf(density, 'values'),
          weights: nodesOf(density, 'weights'),
          line: array(line),
          lossAlongLine: array(random.values),
          top: array(alongTop),
          lossAlongTop: array(topmost.values),
          plane: array(plane),
          lossOnPlane: { shape: [plane.length, plane.length], values: Float32Array.from(both.values) },
        },
      },
    };
  } finally {
    disposeTree(directions);
  }
}

/**
 * What the original code calls trace and condition number: the sum of the positive Ritz values of a recurrence, and the quotient of their
 * largest and smallest. Neither estimates the Hessian's; they are here to be compared with the paper's.
 */
function originalQuantities({ nodes }: SpectralDensity): Record<string, Quantity> {
  const perProbe = nodes.map(({ values }) => {
    const positive = values.filter((value) => value > 0);
    return {
      sum: positive.reduce((total, value) => total + value, 0),
      quotient: positive.length === 0 ? 0 : Math.max(...positive) / Math.min(...positive),
    };
  });
  return {
    originalTrace: meanOver(perProbe.map(({ sum }) => sum)),
    originalKappa: meanOver(perProbe.map(({ quotient }) => quotient)),
  };
}

function meanOver(values: readonly number[]): Quantity {
  const n = values.length;
  const value = values.reduce((sum, x) => sum + x, 0) / n;
  const variance = values.reduce((sum, x) => sum + (x - value) ** 2, 0) / (n - 1);
  return estimated({ value, standardError: Math.sqrt(variance / n) });
}

/** The error of a single sample is unknown. */
function estimated({ value, standardError }: { readonly value: number; readonly standardError: number }): Quantity {
  return { value, standardError: Number.isFinite(standardError) ? standardError : null };
}

function scaled(
  { value, standardError }: { readonly value: number; readonly standardError: number },
  factor: number,
): { value: number; standardError: number } {
  return { value: factor * value, standardError: factor * standardError };
}

/** An odd number of equal steps from -reach to reach has the minimum itself in the middle. */
function coordinates(count: number, reach: number): number[] {
  return Array.from({ length: count }, (_, i) => (count === 1 ? 0 : reach * ((2 * i) / (count - 1) - 1)));
}

/** [probes, steps]; a recurrence that ended early is filled up with nodes of no weight. */
function nodesOf({ nodes }: SpectralDensity, of: 'values' | 'weights') {
  const width = Math.max(...nodes.map(({ values }) => values.length));
  const values = new Float32Array(nodes.length * width);
  nodes.forEach((node, i) => values.set(node[of], i * width));
  return { shape: [nodes.length, width], values };
}

function array(values: ArrayLike<number>) {
  return { shape: [values.length], values: Float32Array.from(values) };
}
