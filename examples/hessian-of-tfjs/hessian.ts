// How curved is the loss of a TensorFlow.js model where its training ended? Largest eigenvalues and trace of the Hessian, from exact
// products of it with vectors. TensorFlow.js's own gradients are right to first order only, so the model is written down again.
import { createTfjsBackend, fromTfjs } from '@sparseflow/backend-tfjs';
import { hessianOperator, hutchinsonTrace, lanczos } from '@sparseflow/hessian';
import { add, key, matMul, mean, square, sub, tanh, type Params, type Tensor } from '@sparseflow/tensor';
import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { initializers, layers, sequential } from '@tensorflow/tfjs-layers';

await tf.setBackend('cpu'); // or wasm, webgl, webgpu: the Hessian is computed where the model is
const backend = await createTfjsBackend('cpu');

// An ordinary model, trained in the ordinary way.
const kernelInitializer = initializers.glorotNormal({ seed: 1 });
export const model = sequential({
  layers: [
    layers.dense({ name: 'hidden', units: 16, activation: 'tanh', inputShape: [1], kernelInitializer }),
    layers.dense({ name: 'output', units: 1, kernelInitializer }),
  ],
});
export const x = tf.reshape(tf.linspace(-2, 2, 64), [64, 1]);
export const y = tf.sin(tf.mul(x, 2));
model.compile({ optimizer: tf.train.adam(0.02), loss: 'meanSquaredError' });
await model.fit(x, y, { epochs: 100, batchSize: 16, shuffle: false, verbose: 0 });

// Its weights as named tensors of ours, over the same memory.
export const params: Params = Object.fromEntries(
  model.layers.flatMap((layer) => layer.weights.map((w) => [w.originalName, fromTfjs(w.read(), backend)])),
);

// The same function and loss again, in operations that can be differentiated any number of times.
const predict = (p: Params, inputs: Tensor) => {
  const hidden = tanh(add(matMul(inputs, p['hidden/kernel']), p['hidden/bias']));
  return add(matMul(hidden, p['output/kernel']), p['output/bias']);
};
const batch = { x: fromTfjs(x, backend), y: fromTfjs(y, backend) };
const loss = (p: Params, data: typeof batch) => mean(square(sub(predict(p, data.x), data.y)));

// The Hessian as an operator: it is never formed, only multiplied with vectors.
export const hessian = await hessianOperator(loss, params, [{ batch }]);
export const top = await lanczos(hessian, { k: 3, key: key(0) });
export const trace = await hutchinsonTrace(hessian, { samples: 50, key: key(1) });

console.log(`${hessian.dimension} parameters`);
top.values.forEach((value, i) =>
  console.log(`eigenvalue ${value.toFixed(4)}, residual ${top.residuals[i].toExponential(0)}`),
);
console.log(`trace ${trace.value.toFixed(3)} ± ${trace.standardError.toFixed(3)}`);
