// Run by check-packages.mjs in an empty project that has the packed packages installed: every entry loads in plain Node,
// and each package computes something whose answer is known.
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { createCpuBackend, describeCpu } from '@sparseflow/backend-cpu';
import { createTfjsBackend } from '@sparseflow/backend-tfjs';
import { cnf, mlp } from '@sparseflow/cnf';
import { generateToy, toyDataset } from '@sparseflow/datasets';
import { hessianOperator, lanczos } from '@sparseflow/hessian';
import { solve } from '@sparseflow/ode-solvers';
import * as plain from '@sparseflow/ode-solvers/plain';
import { adam } from '@sparseflow/optim';
import { loadCheckpoint, saveCheckpoint } from '@sparseflow/optim/node';
import { magnitude, prune } from '@sparseflow/pruning';
import { key, matMul, mul, sum, tensor, vjp, zeros } from '@sparseflow/tensor';
import * as conformance from '@sparseflow/tensor/conformance';
import { createReferenceBackend } from '@sparseflow/tensor/reference';

const backend = createReferenceBackend();
const close = (actual, expected) => assert.ok(Math.abs(actual - expected) < 1e-6, `${actual} is not ${expected}`);

// tensor: the gradient of Σ x² is 2x.
const { value, pullback } = vjp((x) => sum(mul(x, x)), tensor([1, 2, 3], { backend }));
assert.equal(value.dataSync()[0], 14);
assert.deepEqual([...pullback(tensor(1, { backend })).dataSync()], [2, 4, 6]);
assert.ok(Object.keys(conformance).length > 0);

// backend-cpu, with the kernels that its install script compiled; and backend-tfjs, on the project's own TensorFlow.js.
for (const other of [createCpuBackend(), await createTfjsBackend('cpu')]) {
  const a = tensor([1, 2, 3, 4], { backend: other, shape: [2, 2] });
  assert.deepEqual([...(await matMul(a, a).data())], [7, 10, 15, 22]);
}
assert.equal(describeCpu({ path: 'wasm' }).path, 'wasm');

// ode-solvers: y' = -y, with tensors and with plain arrays.
const times = { t0: 0, t1: 1, rtol: 1e-8, atol: 1e-10 };
const { y1 } = await solve(
  (_t, y, { rate }) => mul(rate, y),
  tensor([1], { backend }),
  { rate: tensor(-1, { backend }) },
  times,
);
close(y1.dataSync()[0], Math.exp(-1));
close(plain.solve((_t, [y]) => [-y], [1], times).y1[0], Math.exp(-1));

// cnf: the field that is zero leaves the standard normal density, whose log at the origin is -log 2π.
const flow = cnf({ field: mlp({ dim: 2, hidden: [4], activation: 'tanh' }) });
const params = Object.fromEntries(
  Object.entries(flow.init(key(0), { backend })).map(([name, p]) => [name, zeros(p.shape, { backend })]),
);
close((await flow.logProb(params, zeros([1, 2], { backend })).then((p) => p.data()))[0], -Math.log(2 * Math.PI));

// optim: Adam's first step has the length of the learning rate. A checkpoint comes back from its file.
const w = { w: tensor([1], { backend }) };
const optimizer = adam({ learningRate: 0.1 });
close(optimizer.update(w, optimizer.init(w), w).params.w.dataSync()[0], 0.9);
await saveCheckpoint('w.safetensors', { params: w });
assert.equal((await loadCheckpoint('w.safetensors', { backend })).params.w.dataSync()[0], 1);
await rm('w.safetensors');

// pruning: the smaller weight goes.
const pruned = await prune({ weight: tensor([[0.1, -2]], { backend }) }, undefined, magnitude, { keep: 1 / 2 });
assert.deepEqual([...(await pruned.params.weight.data())], [0, -2]);

// hessian: that of Σ x² is 2.
const hessian = await hessianOperator(({ w }) => sum(mul(w, w)), w, [{ batch: null }]);
close((await lanczos(hessian, { k: 1, key: key(0) })).values[0], 2);

// datasets
assert.equal(generateToy(toyDataset('moons'), key(0), { trainPerMode: 100 }).train.count, 180);
