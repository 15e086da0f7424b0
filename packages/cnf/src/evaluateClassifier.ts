import { ShapeError, tensor, ValueError } from '@sparseflow/tensor';
import type { Backend, FloatDType, Params } from '@sparseflow/tensor';
import type { NeuralOde, NeuralOdeCall } from './neuralOde.ts';

export interface EvaluateClassifierOptions extends NeuralOdeCall {
  readonly backend: Backend;
  readonly dtype?: FloatDType;
  /** Points per solve. Each batch has its own step sizes, as in training. Default 4096. */
  readonly batchSize?: number;
}

export interface ClassifierEvaluation {
  /** Mean of -log p(label | x) in nats. */
  readonly loss: number;
  /** Standard error of that mean over the points. */
  readonly standardError: number;
  /** Share of the points whose predicted class, the first with the highest logit, is their label. */
  readonly accuracy: number;
  /** Row-major [n, classes]. */
  readonly logits: Float64Array;
  /** The predicted class of each point. */
  readonly predicted: Int32Array;
}

/**
 * The logits of a data set, batch by batch: row-major [n, classes].
 *
 * @param points row-major [n, inputDim]
 * @throws {ShapeError} when the points do not fill whole rows
 * @throws {ValueError} for an empty set or batch
 */
export async function evaluateLogits(
  model: NeuralOde,
  params: Params,
  points: Float64Array,
  options: EvaluateClassifierOptions,
): Promise<Float64Array> {
  const { backend, dtype, batchSize = 4096 } = options;
  const { inputDim: dim, classes } = model;
  const count = points.length / dim;
  if (!Number.isInteger(count))
    throw new ShapeError('evaluateLogits', `${points.length} numbers in rows of ${dim}`, 'give whole rows');
  if (count === 0 || !(batchSize >= 1))
    throw new ValueError('evaluateLogits', `${count} points in batches of ${batchSize}`, 'give at least one of each');
  const all = new Float64Array(count * classes);
  for (let start = 0; start < count; start += batchSize) {
    const end = Math.min(start + batchSize, count);
    const rows = points.subarray(start * dim, end * dim);
    const x = tensor(rows, { backend, shape: [end - start, dim], ...(dtype && { dtype }) });
    try {
      const logits = await model.logits(params, x, options);
      all.set(await logits.data(), start * classes);
      logits.dispose();
    } finally {
      x.dispose();
    }
  }
  return all;
}

/**
 * Cross-entropy and accuracy of a data set, batch by batch, from the logits in float64.
 *
 * @param points row-major [n, inputDim]
 * @param labels a class for each point
 * @throws {ShapeError} when the points do not fill whole rows, or labels are not one per point
 * @throws {ValueError} for an empty set or batch, and for labels that are no class
 *
 * @example
 * ```ts
 * import { evaluateClassifier, mlp, neuralOde } from '@sparseflow/cnf';
 * import { key } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 *
 * const backend = createReferenceBackend();
 * const model = neuralOde({ field: mlp({ dim: 2, hidden: [8], activation: 'tanh' }), classes: 2, readout: 'state' });
 * const params = model.init(key(0), { backend });
 * const points = Float64Array.of(0, 0, 3, 1); // two points
 * const { loss, accuracy } = await evaluateClassifier(model, params, points, [0, 1], { backend });
 * console.log(loss > 0, accuracy >= 0 && accuracy <= 1); // true true
 * ```
 */
export async function evaluateClassifier(
  model: NeuralOde,
  params: Params,
  points: Float64Array,
  labels: ArrayLike<number>,
  options: EvaluateClassifierOptions,
): Promise<ClassifierEvaluation> {
  const { classes } = model;
  const count = labels.length;
  if (points.length !== count * model.inputDim) {
    const what = `${points.length / model.inputDim} points and ${count} labels`;
    throw new ShapeError('evaluateClassifier', what, 'give one label for each point');
  }
  const bad = Array.from(labels).find((label) => !(Number.isInteger(label) && label >= 0 && label < classes));
  if (bad !== undefined) {
    throw new ValueError('evaluateClassifier', `a label of ${bad}`, `use integers from 0 to ${classes - 1}`);
  }
  const logits = await evaluateLogits(model, params, points, options);
  const predicted = new Int32Array(count);
  const losses = new Float64Array(count);
  let right = 0;
  for (let i = 0; i < count; i++) {
    const row = logits.subarray(i * classes, (i + 1) * classes);
    const highest = Math.max(...row);
    predicted[i] = row.indexOf(highest);
    if (predicted[i] === labels[i]) right++;
    losses[i] = highest + Math.log(row.reduce((sum, value) => sum + Math.exp(value - highest), 0)) - row[labels[i]!]!;
  }
  const loss = losses.reduce((sum, value) => sum + value, 0) / count;
  const variance = losses.reduce((sum, value) => sum + (value - loss) ** 2, 0) / Math.max(1, count - 1);
  return { loss, standardError: Math.sqrt(variance / count), accuracy: right / count, logits, predicted };
}
