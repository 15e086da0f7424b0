import { vjp } from '../autodiff/vjp.ts';
import { zerosLike } from '../create.ts';
import { ShapeError } from '../errors.ts';
import { add, mul } from '../ops/binary.ts';
import { matMul } from '../ops/matmul.ts';
import { shapesEqual } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { activations, type ActivationName } from './activations.ts';
import { defineFused } from './defineFused.ts';

/** One layer: u = (W h + b) · s + c. Scale and shift carry a network's dependence on time; each may be absent. */
export interface DualLayer {
  readonly weight: Tensor; // [out, in]
  readonly bias?: Tensor | undefined; // [out]
  readonly scale?: Tensor | undefined; // [out]
  readonly shift?: Tensor | undefined; // [out]
}

export interface DualMlpParams {
  readonly activation: ActivationName;
  /** Which of bias, scale and shift each layer has; its tensors follow in the order weight, bias, scale, shift. */
  readonly layers: readonly { readonly bias: boolean; readonly scale: boolean; readonly shift: boolean }[];
}

function unflatten(tensors: readonly Tensor[], { layers }: DualMlpParams): DualLayer[] {
  let next = 0;
  const take = (present: boolean): Tensor | undefined => (present ? tensors[next++] : undefined);
  return layers.map((has) => ({
    weight: take(true)!,
    bias: take(has.bias),
    scale: take(has.scale),
    shift: take(has.shift),
  }));
}

function decompose([x, dx, ...tensors]: readonly Tensor[], params: DualMlpParams): Tensor[] {
  const act = activations[params.activation];
  const layers = unflatten(tensors, params);
  let h = x!;
  let dh = dx!;
  layers.forEach(({ weight, bias, scale, shift }, i) => {
    let u = matMul(h, weight, { transposeB: true });
    let du = matMul(dh, weight, { transposeB: true });
    if (bias) u = add(u, bias);
    if (scale) {
      u = mul(u, scale);
      du = mul(du, scale);
    }
    if (shift) u = add(u, shift);
    if (i < layers.length - 1) {
      h = act.apply(u);
      dh = mul(du, act.derivative(u, h));
    } else {
      h = u;
      dh = du;
    }
  });
  return [h, dh];
}

const fused = /* @__PURE__ */ defineFused<DualMlpParams>('dualMlp', decompose, {
  outputs([x, dx, ...tensors], params) {
    const [batch, dim] = x!.shape;
    if (x!.rank !== 2 || dx!.rank !== 3 || dx!.shape[1] !== batch || dx!.shape[2] !== dim) {
      throw new ShapeError(
        'dualMlp',
        `x [${x!.shape}] and tangents [${dx!.shape}]`,
        'give x [batch, in] and tangents [count, batch, in]',
      );
    }
    let width = dim!;
    unflatten(tensors, params).forEach(({ weight, bias, scale, shift }, i) => {
      const [out, into] = weight.shape;
      const vectors = [bias, scale, shift].filter((v) => v !== undefined);
      if (weight.rank !== 2 || into !== width || vectors.some((v) => !shapesEqual(v.shape, [out!]))) {
        throw new ShapeError(
          'dualMlp',
          `layer ${i}: weight [${weight.shape}], vectors ${vectors.map((v) => `[${v.shape}]`).join(' ')} after width ${width}`,
          'give weight [out, in] and vectors [out] whose widths chain',
        );
      }
      width = out!;
    });
    return [
      { shape: [batch!, width], dtype: x!.dtype },
      { shape: [dx!.shape[0]!, batch!, width], dtype: x!.dtype },
    ];
  },
  vjp: ([ct, dct], { inputs, outputs, params }) =>
    fusedVjp([ct ?? zerosLike(outputs[0]!), dct ?? zerosLike(outputs[1]!), ...inputs], params),
});

/** The reverse pass of dualMlp: cotangents of both outputs and all inputs in, cotangents of all inputs out. */
const fusedVjp = /* @__PURE__ */ defineFused<DualMlpParams>(
  'dualMlpVjp',
  ([ct, dct, ...inputs], params) => {
    const { pullback, dispose } = vjp(
      (leaves: readonly Tensor[]) => decompose(leaves, params) as readonly Tensor[],
      inputs,
    );
    const cotangents = pullback([ct!, dct!]);
    dispose();
    return [...cotangents];
  },
  { outputs: ([, , ...inputs]) => inputs },
);

/**
 * A whole multilayer perceptron together with its directional derivatives along k tangents of its input, in one pass ("dual
 * pass"): value [batch, out] and tangent [k, batch, out]. The activation follows every layer but the last. With the k unit
 * vectors this is the Jacobian; with one random vector it is what Hutchinson's divergence estimate needs.
 *
 * Backends may run it, and its reverse pass, as one kernel each (`dualMlp`, `dualMlpVjp`).
 *
 * @throws {ShapeError} when widths do not chain
 */
export function dualMlp(
  x: Tensor,
  tangents: Tensor,
  layers: readonly DualLayer[],
  activation: ActivationName,
): { value: Tensor; tangent: Tensor } {
  const tensors = layers.flatMap(({ weight, bias, scale, shift }) =>
    [weight, bias, scale, shift].filter((v) => v !== undefined),
  );
  const [value, tangent] = fused([x, tangents, ...tensors], {
    activation,
    layers: layers.map(({ bias, scale, shift }) => ({
      bias: bias !== undefined,
      scale: scale !== undefined,
      shift: shift !== undefined,
    })),
  });
  return { value: value!, tangent: tangent! };
}
