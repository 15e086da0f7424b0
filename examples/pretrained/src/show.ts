import { evaluateClassifier, evaluateLogits, evaluateNll } from '@sparseflow/cnf';
import { fold, key } from '@sparseflow/tensor';
import type { Backend } from '@sparseflow/tensor';
import { centres, regions, scatter } from './plot.ts';
import type { Pretrained } from './pretrained.ts';
import { dataOf } from './pretrained.ts';

export interface Shown {
  /** Mean negative log-likelihood on the test set, in nats. */
  readonly testNll: number;
  readonly testAccuracy?: number;
  /** The model in characters: samples of a flow, or the regions of a classifier with the test points. */
  readonly picture: string;
}

const extent = 2.5;
const columns = 64;

/** Evaluates a model on its test set and draws it. */
export async function show({ about, model, params }: Pretrained, backend: Backend): Promise<Shown> {
  const { test } = dataOf(about);
  if ('flow' in model) {
    const { nll } = await evaluateNll(model.flow, params, test.points, { backend });
    const samples = await model.flow.sample(params, 4000, { key: fold(key(about.seed), 4), backend });
    const picture = scatter(await samples.data(), extent, columns);
    samples.dispose();
    return { testNll: nll, picture };
  }
  const { classifier } = model;
  const { loss, accuracy } = await evaluateClassifier(classifier, params, test.points, test.labels!, { backend });
  const logits = await evaluateLogits(classifier, params, centres(columns, extent), { backend });
  const classes = Array.from({ length: logits.length / 2 }, (_, i) => (logits[2 * i + 1]! > logits[2 * i]! ? 1 : 0));
  return {
    testNll: loss,
    testAccuracy: accuracy,
    picture: regions(classes, columns, test.points, test.labels!, extent),
  };
}
