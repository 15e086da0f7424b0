import { concat, disposeTree, reshape, scope, ShapeError, slice, ValueError } from '@sparseflow/tensor';
import type { Tensor } from '@sparseflow/tensor';
import type { ImageShape } from './squeeze.ts';
import type { CallOptions, Transform } from './transform.ts';

/**
 * Half of the channels are noise already; the other half, the first, goes on through `inner` (Dinh et al. 2017, multi-scale
 * architecture). The result is the factored-out half, flattened, followed by what `inner` made. Parameters are those of `inner`.
 *
 * @throws {ValueError} for an odd number of channels, or an `inner` that does not take half the image
 */
export function factorOut(shape: ImageShape, inner: Transform): Transform {
  const [height, width, channels] = shape;
  const dim = height * width * channels;
  const half = dim / 2;
  if (channels % 2 !== 0 || inner.dim !== half) {
    const what = `${channels} channels of ${height} × ${width} pixels before a transform of dimension ${inner.dim}`;
    throw new ValueError('factorOut', what, 'give an even number, and a transform of half the image');
  }
  const [pixels, kept] = [height * width, channels / 2];
  /** The half that goes on, and the other one. */
  const part = (x: Tensor): { on: Tensor; out: Tensor } =>
    scope(() => {
      const batch = x.shape[0]!;
      if (x.rank !== 2 || x.shape[1] !== dim)
        throw new ShapeError('factorOut', `the input has shape [${x.shape}]`, `give [batch, ${dim}]`);
      const image = reshape(x, [batch, pixels, channels]);
      const channelsFrom = (first: number): Tensor =>
        reshape(slice(image, [0, 0, first], [-1, -1, kept]), [batch, half]);
      return { on: channelsFrom(0), out: channelsFrom(kept) };
    });
  const unpart = (on: Tensor, out: Tensor): Tensor =>
    scope(() => {
      const [batch] = on.shape;
      const halves = [on, out].map((x) => reshape(x, [batch!, pixels, kept]));
      return reshape(concat(halves, 2), [batch!, dim]);
    });
  const join = (out: Tensor, on: Tensor): Tensor => concat([out, on], 1);
  const unjoin = (z: Tensor): { on: Tensor; out: Tensor } =>
    scope(() => ({ out: slice(z, [0, 0], [-1, half]), on: slice(z, [0, half], [-1, -1]) }));

  /** Runs `inner` on what goes on, and puts its result back beside the rest. */
  const beside = async <R extends { readonly z: Tensor }>(
    parts: { readonly on: Tensor; readonly out: Tensor },
    run: (on: Tensor) => Promise<R>,
    together: (on: Tensor, out: Tensor) => Tensor,
  ): Promise<R> => {
    try {
      const result = await run(parts.on);
      const z = together(result.z, parts.out);
      result.z.dispose();
      return { ...result, z };
    } finally {
      disposeTree([parts.on, parts.out]);
    }
  };
  const joined = (on: Tensor, out: Tensor): Tensor => join(out, on);

  return {
    dim,
    ...(inner.context !== undefined && { context: inner.context }),
    init: inner.init,
    neurons: inner.neurons,
    ...(inner.positions && { positions: inner.positions }),
    forward: async (params, x, call) => beside(part(x), (on) => inner.forward(params, on, call), joined),
    inverse: async (params, z, call) => beside(unjoin(z), (on) => inner.inverse(params, on, call), unpart),
    generate: async (params, z, call) => beside(unjoin(z), (on) => inner.generate(params, on, call), unpart),

    async record(params, x, call) {
      const { on, out } = part(x);
      try {
        const pass = await inner.record(params, on, call);
        const z = join(out, pass.state.z);
        out.dispose();
        return {
          state: { ...pass.state, z },
          get stats() {
            return pass.stats;
          },
          async pullback({ z: cotangent, ...others }) {
            const cotangents = unjoin(cotangent);
            try {
              const { x: ofOn, params: grads } = await pass.pullback({ ...others, z: cotangents.on });
              const ofInput = unpart(ofOn, cotangents.out);
              ofOn.dispose();
              return { x: ofInput, params: grads };
            } finally {
              disposeTree([cotangents.on, cotangents.out]);
            }
          },
          dispose() {
            disposeTree([z, on]);
            pass.dispose();
          },
        };
      } catch (error) {
        disposeTree([on, out]);
        throw error;
      }
    },

    async freeze(params, x, call) {
      const frozen = await beside(part(x), (on) => inner.freeze(params, on, call), joined);
      const { run } = frozen;
      return {
        ...frozen,
        run: (p, input) =>
          scope(() => {
            const { on, out } = part(input);
            const { z, ...others } = run(p, on);
            return { ...others, z: join(out, z) };
          }),
      };
    },

    ...(inner.resize && { resize: (sizes) => factorOut(shape, inner.resize!(sizes)) }),
    ...(inner.constants && { constants: (params, group) => inner.constants!(params, group) }),
    ...(inner.observe && {
      statistics: inner.statistics ?? [],
      async observe(params, x, call?: CallOptions) {
        const { on, out } = part(x);
        return inner.observe!(params, on, call).finally(() => disposeTree([on, out]));
      },
    }),
  };
}
