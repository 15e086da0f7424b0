import { reshape, scope } from '@sparseflow/tensor';
import type { Field } from '../field.ts';
import { networkOf, type OdeNetOptions } from './layers/network.ts';
import { odeNet, resized } from './odeNet.ts';

/**
 * `odeNet` with its trace taken in the middle (FFJORD's `autoencode`): f = decode ∘ encode, and tr(∂f/∂z) = tr(∂h/∂z · ∂f/∂h), where h is what
 * the middle layer makes. Where h is narrower than the state, an estimate of the trace has less variance and the exact one needs fewer
 * directions. Function and parameters are those of `odeNet`.
 *
 * @throws {ValueError} as `odeNet`
 *
 * @example
 * ```ts
 * import { autoencoder, cnf, exact } from '@sparseflow/cnf';
 * import { key, randomNormal } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 *
 * const backend = createReferenceBackend();
 * const field = autoencoder({ shape: 10, hidden: [16, 3, 16], layer: 'concat', activation: 'tanh' });
 * const flow = cnf({ field, divergence: exact() }); // 3 directions instead of 10
 * const params = flow.init(key(0), { backend });
 * console.log(field.probeDim, (await flow.logProb(params, randomNormal(key(1), [5, 10], { backend }))).shape); // 3, [5]
 * ```
 */
export function autoencoder(options: OdeNetOptions): Field {
  const net = networkOf(options);
  const { maps } = net;
  const cut = Math.floor(options.hidden.length / 2) + 1;
  const middle = maps[cut - 1]!.output;
  // Its way to value and vector-Jacobian product is about the trace in z.
  const { dualVjp: _, ...field } = odeNet(options);
  return {
    ...field,
    probeDim: middle.reduce((n, m) => n * m, 1),
    dual: (params, t, z, probes, c) =>
      scope(() => {
        const [count, batch] = probes.shape;
        const layers = net.layersAt(params, t);
        const { h } = net.run(layers, 0, cut, net.enter(z, c));
        // With one layer the middle is the end.
        const code = { h, dh: reshape(probes, [count!, batch!, ...middle]) };
        const decoded = cut === maps.length ? code : net.run(layers, cut, maps.length, net.activate(code));
        const through = reshape(decoded.dh!, [count!, batch!, net.dim]);
        const { dh } = net.run(layers, 0, cut, net.enter(z, c, through));
        return { value: reshape(decoded.h, z.shape), tangent: reshape(dh!, probes.shape) };
      }),
    resize: (sizes) => autoencoder(resized(options, sizes)),
  };
}
