import type { Backend, ConvSpec, Operand, Shape } from '@sparseflow/tensor';
import { CONVOLUTIONS, type ConvolutionCase } from '../cases.ts';
import { measure } from '../measure.ts';
import type { Path } from '../paths.ts';
import type { Row } from '../report.ts';
import { shareOfPeak, type Recorder } from './suite.ts';

const KERNEL = 3;
const SPEC: ConvSpec = {
  strides: [1, 1],
  padding: [
    [1, 1],
    [1, 1],
  ],
};

/** Multiplications and additions of one convolution; its two adjoints, which are the vjp, have as many each. */
function flops({ batch, size, channels }: ConvolutionCase): number {
  return 2 * batch * size ** 2 * channels ** 2 * KERNEL ** 2;
}

/** The convolutions of an image flow on one path: forward, and the adjoints in the input and the filter. */
export async function timeConvolutions(record: Recorder, path: Path, add: (row: Row) => void): Promise<void> {
  for (const convolution of CONVOLUTIONS.filter(({ name }) => record.wanted(name)))
    await timeOne(record, path, convolution, path.create(), add);
}

async function timeOne(
  record: Recorder,
  { name: implementation, threads }: Path,
  convolution: ConvolutionCase,
  backend: Backend,
  add: (row: Row) => void,
): Promise<void> {
  const { name, batch, size, channels } = convolution;
  record.progress(`${name}: ${implementation}, ${threads} thread${threads > 1 ? 's' : ''}`);
  const operand = (shape: Shape): Operand => {
    const values = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i));
    return { buffer: backend.upload(values, shape, 'float32'), shape, dtype: 'float32' };
  };
  const images = [batch, size, size, channels];
  const [x, dy, w] = [operand(images), operand(images), operand([KERNEL, KERNEL, channels, channels])];
  const calls = {
    forward: () => backend.dispose(backend.conv2d(x, w, SPEC, images)),
    vjp() {
      backend.dispose(backend.conv2dInput(dy, w, SPEC, images));
      backend.dispose(backend.conv2dFilter(x, dy, SPEC, w.shape));
    },
  };
  for (const [op, call] of Object.entries(calls)) {
    const { ms, spread } = await measure(call, { budget: record.budget });
    const gflops = ((op === 'vjp' ? 2 : 1) * flops(convolution)) / ms / 1e6;
    const share = shareOfPeak(record.peaks, implementation, threads, gflops);
    add({ case: name, op, implementation, threads, ms, spread, gflops, shareOfPeak: share });
  }
  [x, dy, w].forEach(({ buffer }) => backend.dispose(buffer));
}
