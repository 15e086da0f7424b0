// The page's side: starts the worker, shows its progress, draws what it sends. Nothing here waits or computes.
import type { Message } from './worker.ts';

const epochs = 40;
document.body.innerHTML = `
  <p><progress max="${epochs}" value="0"></progress> <output>starting …</output></p>
  <canvas width="400" height="400"></canvas>`;
const progress = document.querySelector('progress')!;
const output = document.querySelector('output')!;
const context = document.querySelector('canvas')!.getContext('2d')!;

// Bundlers recognise this form and build the worker as a bundle of its own.
const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });

/** Samples of the trained flow, when it is trained. */
export const samples = new Promise<Float32Array>((resolve, reject) => {
  worker.onerror = ({ message }) => reject(new Error(message));
  worker.onmessage = ({ data }: MessageEvent<Message>) => {
    if ('samples' in data) return resolve(data.samples);
    progress.value = data.epoch + 1;
    output.textContent = `epoch ${data.epoch}: loss ${data.loss.toFixed(3)} nats`;
  };
});
worker.postMessage({ epochs });

void samples.then((points) => {
  worker.terminate();
  context.fillStyle = '#3b6fb6';
  for (let i = 0; i < points.length; i += 2) context.fillRect(200 + 80 * points[i], 200 - 80 * points[i + 1], 2, 2);
});
