// Learns a density from samples: a continuous normalizing flow on six Gaussians that stand in a ring.
import { createCpuBackend } from '@sparseflow/backend-cpu';
import { cnf, evaluateNll, hutchinson, mlp, type Cnf } from '@sparseflow/cnf';
import { batches, gaussians, toTensor } from '@sparseflow/datasets';
import { adamW, fit } from '@sparseflow/optim';
import { key, type Masks, type Params, type Tensor } from '@sparseflow/tensor';

// Native kernels in Node, WebAssembly in a browser.
export const backend = createCpuBackend();

// All randomness comes from keys: the same key gives the same numbers, on every machine.
const { train, test } = gaussians(key(0), { trainPerMode: 300, testPerMode: 300 });

// The flow moves each point along dz/dt = f(z), a small network, from the data at t = 0 to a normal distribution at t = 1.
export const flow = cnf({ field: mlp({ dim: 2, hidden: [32], activation: 'tanh' }), rtol: 1e-3, atol: 1e-3 });

/** Minimises the mean negative log-likelihood. Where a mask is zero, the parameter stays zero. */
export const learn = (params: Params, masks: Masks = {}, epochs = 30) =>
  fit<Tensor>({
    params,
    masks,
    epochs,
    key: key(1),
    optimizer: adamW({ learningRate: 0.03 }),
    *batches(epoch, index, dataKey) {
      for (const batch of batches(train, { key: dataKey, batchSize: 250, epoch, index }))
        yield toTensor(batch, { backend });
    },
    // The divergence of f is estimated with random probes while training: one pass, whatever the dimension.
    lossAndGrad: (p, x, stepKey) => flow.lossAndGrad(p, x, { divergence: hutchinson(), key: stepKey }),
    callbacks: {
      onEpoch: ({ epoch, loss }) =>
        void (epoch % 10 === 0 && console.log(`epoch ${epoch}: loss ${loss.toFixed(3)} nats`)),
    },
  });

/** The mean negative log-likelihood of points that training has not seen, with the exact divergence. */
export const evaluate = (params: Params, model: Cnf = flow) => evaluateNll(model, params, test.points, { backend });

export const { params } = await learn(flow.init(key(2), { backend }));
export const { nll, standardError } = await evaluate(params);
console.log(`test NLL ${nll.toFixed(3)} ± ${standardError.toFixed(3)} nats`);

// The other way, from t = 1 to 0, it makes samples.
const samples = await flow.sample(params, 5, { key: key(3), backend });
console.log('five samples (x, y, x, y, …):', [...(await samples.data())].map((value) => value.toFixed(2)).join(' '));
