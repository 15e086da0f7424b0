// `pnpm --filter @sparseflow/backend-tfjs bench`: microseconds per kernel on the shapes of a 2-128-2 network at batch 1024, through this
// package and through TensorFlow.js's own operation. Needs a build.
import * as tf from '@tensorflow/tfjs-core';
import { createTfjsBackend, toTfjs } from '@sparseflow/backend-tfjs';
import { tensor } from '@sparseflow/tensor';

const backend = await createTfjsBackend('wasm');
await tf.setBackend('wasm');

const random = (shape) =>
  tensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => Math.random() - 0.5),
    { backend, shape },
  );

/** The fastest of some rounds, which is what the code costs when nothing else runs. */
function microseconds(run, free) {
  for (let i = 0; i < 50; i++) free(run());
  let best = Infinity;
  for (let round = 0; round < 9; round++) {
    const start = performance.now();
    for (let i = 0; i < 50; i++) free(run());
    best = Math.min(best, ((performance.now() - start) * 1000) / 50);
  }
  return best;
}

const [x, w1, h, g, bias, w2, y, row, one] = [[1024, 2], [2, 128], [1024, 128], [1024, 128], [128], [128, 2], [1024, 2], [1, 128], []].map(random); // prettier-ignore
const [tx, tw1, th, tg, tbias, tw2, ty, trow, tone] = [x, w1, h, g, bias, w2, y, row, one].map(toTfjs);
const wide = [1024, 128];

const cases = [
  ['add, scalars', () => backend.binary('add', one, one, []), () => tf.add(tone, tone)],
  ['matMul [1024,2]×[2,128]', () => backend.matMul(x, w1, false, false, wide), () => tf.matMul(tx, tw1)],
  ['matMul [1024,128]×[128,2]', () => backend.matMul(h, w2, false, false, [1024, 2]), () => tf.matMul(th, tw2)],
  ['matMul [1024,2]×[128,2]ᵀ', () => backend.matMul(y, w2, false, true, wide), () => tf.matMul(ty, tw2, false, true)],
  ['matMul [1024,128]ᵀ×[1024,2]', () => backend.matMul(h, y, true, false, [128, 2]), () => tf.matMul(th, ty, true)],
  ['add bias', () => backend.binary('add', h, bias, wide), () => tf.add(th, tbias)],
  ['mul', () => backend.binary('mul', h, g, wide), () => tf.mul(th, tg)],
  ['sigmoid', () => backend.unary('sigmoid', h), () => tf.sigmoid(th)],
  ['tanh', () => backend.unary('tanh', h), () => tf.tanh(th)],
  ['step', () => backend.unary('step', h), () => tf.step(th)],
  ['sum over rows', () => backend.reduce('sum', h, [0], [128]), () => tf.sum(th, 0)],
  ['sum of all', () => backend.reduce('sum', h, [0, 1], []), () => tf.sum(th)],
  ['broadcast a row', () => backend.broadcastTo(row, wide), () => tf.broadcastTo(trow, wide)],
  ['transpose', () => backend.transpose(h, [1, 0]), () => tf.transpose(th)],
];

console.log(`${'kernel'.padEnd(30)}${'this package'.padStart(14)}${'tfjs'.padStart(10)}   µs`);
for (const [name, ours, theirs] of cases) {
  const a = microseconds(ours, (buffer) => backend.dispose(buffer));
  const b = microseconds(theirs, (t) => t.dispose());
  console.log(`${name.padEnd(30)}${a.toFixed(1).padStart(14)}${b.toFixed(1).padStart(10)}`);
}
