import type { Backend, ConvSpec, Operand, Shape } from '@sparseflow/tensor';
import { CONVOLUTIONS, type ConvolutionCase } from '../cases.ts';
import { measure } from '../measure.ts';
import type { Path } from '../paths.ts';
import { encode } from '../peers.ts';
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

interface Prepared {
  readonly inputs: { readonly x: Operand; readonly dy: Operand; readonly w: Operand };
  forward(): { readonly y: Operand };
  /** Cotangents of x and w, those of y being dy. */
  vjp(): { readonly ofX: Operand; readonly ofW: Operand };
}

/** The same numbers on every backend. */
function prepare({ batch, size, channels }: ConvolutionCase, backend: Backend): Prepared {
  const operand = (buffer: Operand['buffer'], shape: Shape): Operand => ({ buffer, shape, dtype: 'float32' });
  const input = (shape: Shape): Operand => {
    const values = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i));
    return operand(backend.upload(values, shape, 'float32'), shape);
  };
  const [images, filters] = [
    [batch, size, size, channels],
    [KERNEL, KERNEL, channels, channels],
  ];
  const [x, dy, w] = [input(images), input(images), input(filters)];
  return {
    inputs: { x, dy, w },
    forward: () => ({ y: operand(backend.conv2d(x, w, SPEC, images), images) }),
    vjp: () => ({
      ofX: operand(backend.conv2dInput(dy, w, SPEC, images), images),
      ofW: operand(backend.conv2dFilter(x, dy, SPEC, filters), filters),
    }),
  };
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
  const { name } = convolution;
  record.progress(`${name}: ${implementation}, ${threads} thread${threads > 1 ? 's' : ''}`);
  const prepared = prepare(convolution, backend);
  const free = (results: object): void =>
    Object.values(results).forEach(({ buffer }: Operand) => backend.dispose(buffer));
  for (const op of ['forward', 'vjp'] as const) {
    const { ms, spread } = await measure(() => free(prepared[op]()), { budget: record.budget });
    const gflops = ((op === 'vjp' ? 2 : 1) * flops(convolution)) / ms / 1e6;
    const share = shareOfPeak(record.peaks, implementation, threads, gflops);
    add({ case: name, op, implementation, threads, ms, spread, gflops, shareOfPeak: share });
  }
  free(prepared.inputs);
}

/** What another system needs to compute the same convolutions, and what comes out here. */
export function convolutionsForPeers({ wanted }: Recorder, path: Path): readonly object[] {
  return CONVOLUTIONS.filter(({ name }) => wanted(name)).map((convolution) => {
    const backend = path.create();
    const { inputs, forward, vjp } = prepare(convolution, backend);
    const taken = (operands: object): object =>
      Object.fromEntries(
        Object.entries(operands).map(([name, operand]: [string, Operand]) => {
          const numbers = encode(backend.downloadSync!(operand), operand.shape);
          backend.dispose(operand.buffer);
          return [name, numbers];
        }),
      );
    return { name: convolution.name, expected: { ...taken(forward()), ...taken(vjp()) }, at: taken(inputs) };
  });
}
