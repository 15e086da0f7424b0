import type * as jaxJs from '@jax-js/jax';
import type { Problem } from '../cases.ts';
import type { Implementation, Prepared } from './implementation.ts';

type JaxJs = typeof jaxJs;
type Array = jaxJs.numpy.Array;

/** Its devices that run in Node. `cpu` interprets its kernels: what has more operations than its limit takes it minutes. */
const DEVICES = [
  { device: 'wasm', patience: 1e9 },
  { device: 'cpu', patience: 1e6, limit: 1e7 },
] as const;

/** jax-js, jitted, on each of its devices; none where it is not installed. Its arrays count references: a use consumes one. */
export async function loadJaxJs(): Promise<readonly Implementation[]> {
  let jax: JaxJs;
  try {
    jax = await import('@jax-js/jax');
  } catch {
    return [];
  }
  await jax.init(...DEVICES.map(({ device }) => device));
  return DEVICES.map(({ device, ...patience }) => ({
    name: `jax-js ${device}`,
    threads: 1,
    ...patience,
    prepare(problem) {
      jax.defaultDevice(device);
      return prepareJaxJs(jax, problem);
    },
  }));
}

function prepareJaxJs({ jit, jvp, vjp, nn, numpy: np, blockUntilReady }: JaxJs, problem: Problem): Prepared {
  const { sizes, batch } = problem;
  const make = (values: Float32Array, ...shape: number[]): Array => np.array(new Float32Array(values)).reshape(shape);
  const [into, out] = [sizes[0]!, sizes[sizes.length - 1]!];
  const w = problem.weights.map((values, i) => make(values, sizes[i + 1]!, sizes[i]!));
  const b = problem.biases.map((values, i) => make(values, sizes[i + 1]!));
  const x = make(problem.x, batch, into);
  const dx = make(problem.dx, batch, into);
  const ct = make(problem.ct, batch, out);
  const dct = make(problem.dct, batch, out);
  const refs = (list: readonly Array[]): Array[] => list.map((array) => array.ref);

  const net = (weights: readonly Array[], biases: readonly Array[], input: Array): Array =>
    weights.reduce((h, weight, i) => {
      const u = np.matmul(h, np.transpose(weight)).add(biases[i]!);
      return i < weights.length - 1 ? nn.sigmoid(u) : u;
    }, input);
  const dual = (weights: Array[], biases: Array[], input: Array, tangent: Array): [Array, Array] =>
    jvp<(z: Array) => Array>((z) => net(refs(weights), refs(biases), z), [input], [tangent]);
  const forward = jit(dual);
  const reverse = jit((weights: Array[], biases: Array[], input: Array, tangent: Array, a: Array, da: Array) => {
    const [, pullback] = vjp(dual, [weights, biases, input, tangent]);
    return pullback([a, da]);
  });
  const run = (): [Array, Array] => forward(refs(w), refs(b), x.ref, dx.ref);
  const runReverse = (): [Array[], Array[], Array, Array] => reverse(refs(w), refs(b), x.ref, dx.ref, ct.ref, dct.ref);
  const free = (arrays: readonly Array[]): void => arrays.forEach((array) => array.dispose());
  return {
    async forward() {
      free(await blockUntilReady(run()));
    },
    async vjp() {
      free((await blockUntilReady(runReverse())).flat());
    },
    async read() {
      const [values, [gw, gb, gx, gdx]] = [run(), runReverse()];
      const numbers = async (array: Array): Promise<ArrayLike<number>> => (await array.ref.data()) as ArrayLike<number>;
      const result = {
        forward: [await numbers(values[0]), await numbers(values[1])],
        vjp: await Promise.all([gx, ...gw.flatMap((g, i) => [g, gb[i]!])].map(numbers)),
      };
      free([...values, ...gw, ...gb, gx, gdx]);
      return result;
    },
    dispose: () => free([...w, ...b, x, dx, ct, dct]),
  };
}
