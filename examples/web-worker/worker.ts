// Runs in a Web Worker: trains a flow, and tells the page how it is getting on.
import { createCpuBackend } from '@sparseflow/backend-cpu';
import { cnf, hutchinson, mlp } from '@sparseflow/cnf';
import { batches, moons, toTensor } from '@sparseflow/datasets';
import { adamW, fit } from '@sparseflow/optim';
import { key, type Tensor } from '@sparseflow/tensor';

/** What the worker sends: the loss of an epoch that is over, or at the end samples of the trained flow (x, y, x, y, …). */
export type Message = { readonly epoch: number; readonly loss: number } | { readonly samples: Float32Array };

const send = (message: Message) => self.postMessage(message);

self.onmessage = async ({ data: { epochs } }: MessageEvent<{ readonly epochs: number }>) => {
  const backend = createCpuBackend(); // WebAssembly; with threads where the page is cross-origin isolated
  const { train } = moons(key(0));
  const flow = cnf({ field: mlp({ dim: 2, hidden: [32], activation: 'tanh' }), rtol: 1e-3, atol: 1e-3 });
  const { params } = await fit<Tensor>({
    params: flow.init(key(1), { backend }),
    epochs,
    key: key(2),
    optimizer: adamW({ learningRate: 0.02 }),
    *batches(epoch, index, dataKey) {
      for (const batch of batches(train, { key: dataKey, batchSize: 256, epoch, index }))
        yield toTensor(batch, { backend });
    },
    lossAndGrad: (p, x, stepKey) => flow.lossAndGrad(p, x, { divergence: hutchinson(), key: stepKey }),
    callbacks: { onEpoch: ({ epoch, loss }) => send({ epoch, loss }) },
  });
  const samples = await flow.sample(params, 2000, { key: key(3), backend });
  send({ samples: (await samples.data()) as Float32Array });
};
