// Makes a flow sparse by Algorithm 1 of the Sparse Flows paper: train, prune, train again, prune more, …
// and asks what pruning itself contributed, by a control that is trained as often and never pruned.
import { compact, costReport, costTable, neuronNorm, sparseFlow, type Pruner } from '@sparseflow/pruning';
import { hutchinson, type Cnf } from '@sparseflow/cnf';
import { disposeTree, key, randomNormal, type Params } from '@sparseflow/tensor';
import { backend, evaluate, flow, learn, params } from '../train-flow/train.ts';

const rounds = async (pruner: Pruner, keepRatios: number[]) => {
  const result = await sparseFlow({
    params,
    pruner,
    neurons: flow.field.neurons, // which rows, columns and biases are one neuron
    keepRatios, // shares of the original size
    // Round 0 is the dense flow, which is trained already.
    train: async (from, masks, round) => (round === 0 ? { params: from } : learn(from, masks, 10)),
    evaluate: async (trained) => ({ nll: (await evaluate(trained)).nll }),
    key: key(4),
  });
  return result.rounds;
};

export const sparse = await rounds(neuronNorm, [0.6, 0.35]); // whole neurons, those of the smallest weights first
export const control = await rounds(neuronNorm, [1, 1]);

console.log('\nkept     NLL  control (never pruned)');
sparse.forEach(({ report, metrics }, i) => {
  const kept = `${(100 * report.keepRatio).toFixed(0)} %`.padStart(5);
  console.log(kept, metrics['nll'].toFixed(3).padStart(7), control[i].metrics['nll'].toFixed(3).padStart(7));
});

// Masked neurons still cost time. `compact` removes them for good: a smaller flow that computes the same function.
const last = sparse.at(-1)!;
export const small = await compact<Cnf>(flow, last.params, last.masks);
export const compacted = await evaluate(small.params, small.model);
console.log(`\n${flow.field.neurons[0].size} hidden neurons have become ${small.sizes[flow.field.neurons[0].name]}`);

// What a gradient of 250 points costs. Masks alone save nothing.
const x = randomNormal(key(5), [250, 2], { backend });
const costOf = async (model: Cnf, p: Params) => {
  const run = async () => {
    const { loss, grads, stats } = await model.lossAndGrad(p, x, { divergence: hutchinson(), key: key(6) });
    disposeTree([loss, grads]);
    return stats;
  };
  const { nfe } = await run();
  return costReport(p, undefined, { nfe, run, repeats: 50 });
};
export const costs = {
  masked: await costOf(flow, last.params),
  compacted: await costOf(small.model, small.params),
};
console.log(`\n${costTable(costs)}`);
