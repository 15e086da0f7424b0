import * as ops from '../../index.ts';
import type { Backend, Buffer, DualLayer, DualMlpParams, FusedKernel, Operand, Tensor } from '../../index.ts';
import { createReferenceBackend } from '../../reference/index.ts';

/**
 * A reference backend with a kernel for every fused operation, to test the path that such kernels take: their derivative rules, and
 * the decomposition where a kernel declines. The kernels compute on a second backend that has none.
 *
 * The forward kernel declines swish and the reverse one elu, so that both ways through the decomposition are taken too.
 *
 * @param called receives the name of each kernel that runs
 */
export function createFusedReferenceBackend(called: (name: string) => void): Backend {
  const plain = createReferenceBackend();
  const good = createReferenceBackend();

  /** Copies the operands to the plain backend, computes there and copies the results back. */
  const kernel = (
    name: string,
    compute: (inputs: Tensor[], params: unknown) => readonly Tensor[] | undefined,
  ): FusedKernel => {
    return (inputs, params) => {
      const copies = inputs.map((x) => copy(x, good, plain));
      const results = compute(copies, params);
      if (results) called(name);
      return results?.map((y): Buffer => good.upload(y.dataSync(), y.shape, y.dtype));
    };
  };

  return {
    ...good,
    name: 'reference with fused kernels',
    fused: {
      dualMlp: kernel('dualMlp', (inputs, params) =>
        (params as DualMlpParams).activation === 'swish' ? undefined : dual(inputs, params as DualMlpParams),
      ),
      dualMlpVjp: kernel('dualMlpVjp', ([ct, dct, ...inputs], params) => {
        if ((params as DualMlpParams).activation === 'elu') return undefined;
        return ops.vjp((x: readonly Tensor[]) => dual(x, params as DualMlpParams), inputs).pullback([ct!, dct!]);
      }),
      dualMlpWithVjp: kernel('dualMlpWithVjp', ([ct, dct, ...inputs], params) => {
        const { value, pullback } = ops.vjp((x: readonly Tensor[]) => dual(x, params as DualMlpParams), inputs);
        return [...value, ...pullback([ct!, dct!])];
      }),
      dualMlpStep: kernel('dualMlpStep', ([z, logDet, slopeOfZ, slopeOfLogDet, probes, ...rest], params) => {
        const { network, ...options } = params as ops.DualMlpStepParams;
        const slope = { z: slopeOfZ!, logDet: slopeOfLogDet! };
        const layers = layersOf(rest, network);
        const { state, slope: last, error, output } = ops.dualMlpStep({ z: z!, logDet: logDet! }, slope, probes!, layers, network.activation, options); // prettier-ignore
        return ops.flattenTree([state, last, error, output ?? []] as unknown as ops.Tree);
      }),
      dualMlpAdjointStep: kernel('dualMlpAdjointStep', (inputs, params) => {
        const { network, ...options } = params as ops.DualMlpStepParams;
        const [b, probes, ...rest] = inputs.slice(6);
        const count = rest.length / 3;
        const [layers, gradients, slopes] = [0, 1, 2].map((i) =>
          layersOf(rest.slice(i * count, (i + 1) * count), network),
        );
        const moving = (from: number, ofLayers: readonly DualLayer[]) => {
          const [z, logDet, ofZ] = inputs.slice(from);
          return { z: z!, logDet: logDet!, ofZ: ofZ!, ofLayers };
        };
        const args = [moving(0, gradients!), moving(3, slopes!), b!, probes!, layers!] as const;
        const taken = ops.dualMlpAdjointStep(...args, network.activation, options);
        const { ofLayers, ...slope } = taken.slope;
        const results = [taken.state, slope, taken.error, taken.output ?? [], taken.ofLayers, ofLayers];
        return ops.flattenTree(results as unknown as ops.Tree);
      }),
      dualMlpJvp: kernel('dualMlpJvp', (operands, params) => {
        const n = operands.length / 2;
        const f = (x: readonly Tensor[]) => dual(x, params as DualMlpParams);
        return ops.jvp(f, operands.slice(0, n), operands.slice(n)).tangent;
      }),
      dualMlpVjpJvp: kernel('dualMlpVjpJvp', (operands, params) => {
        const n = operands.length / 2;
        const pull = ([ct, dct, ...inputs]: readonly Tensor[]) =>
          ops.vjp((x: readonly Tensor[]) => dual(x, params as DualMlpParams), inputs).pullback([ct!, dct!]);
        return ops.jvp(pull, operands.slice(0, n), operands.slice(n)).tangent;
      }),
      rowDots: kernel('rowDots', ([a, b], weight) => [ops.rowDots(a!, b!, weight as number)]),
      scaleRows: kernel('scaleRows', ([x, factors], weight) => [ops.scaleRows(x!, factors!, weight as number)]),
      linearCombination: kernel('linearCombination', (inputs, params) => [
        ops.linearCombination(inputs, params as number[]),
      ]),
      scaledErrorNorm: kernel('scaledErrorNorm', (inputs, params) => {
        const n = inputs.length / 3;
        const parts = [0, 1, 2].map((i) => inputs.slice(i * n, (i + 1) * n)) as [Tensor[], Tensor[], Tensor[]];
        return [ops.scaledErrorNorm(...parts, params as { rtol: number; atol: number })];
      }),
      adamUpdate: kernel('adamUpdate', ([param, gradient, mean, variance, mask], params) => {
        const state = { param: param!, gradient: gradient!, mean: mean!, variance: variance!, mask };
        const next = ops.adamUpdate(state, params as ops.AdamParams);
        return [next.param, next.mean, next.variance];
      }),
    },
  };
}

function copy({ buffer, shape, dtype }: Operand, from: Backend, to: Backend): Tensor {
  return ops.tensor(from.downloadSync!({ buffer, shape, dtype }), { backend: to, shape, dtype });
}

function dual([x, tangents, ...rest]: readonly Tensor[], params: DualMlpParams): readonly Tensor[] {
  const { value, tangent } = ops.dualMlp(x!, tangents!, layersOf(rest, params), params.activation);
  return [value, tangent];
}

function layersOf(tensors: readonly Tensor[], { layers }: DualMlpParams): DualLayer[] {
  let next = 0;
  const take = (present: boolean): Tensor | undefined => (present ? tensors[next++] : undefined);
  return layers.map((has) => ({
    weight: take(true)!,
    bias: take(has.bias),
    scale: take(has.scale),
    shift: take(has.shift),
  }));
}
