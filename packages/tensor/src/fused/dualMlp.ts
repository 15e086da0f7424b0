import { jvp } from '../autodiff/jvp.ts';
import { vjp } from '../autodiff/vjp.ts';
import { zerosLike } from '../create.ts';
import { ShapeError } from '../errors.ts';
import { add, mul } from '../ops/binary.ts';
import { matMul } from '../ops/matmul.ts';
import type { Aval, Maybe } from '../primitive.ts';
import { shapesEqual } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { activations, type ActivationName } from './activations.ts';
import { defineFused, type Fused } from './defineFused.ts';

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

export function unflattenLayers(tensors: readonly Tensor[], { layers }: DualMlpParams): DualLayer[] {
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
  const layers = unflattenLayers(tensors, params);
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

/** Checks that the widths chain. */
function outputsOf([x, dx, ...tensors]: readonly Tensor[], params: DualMlpParams): Aval[] {
  const [batch, dim] = x!.shape;
  if (x!.rank !== 2 || dx!.rank !== 3 || dx!.shape[1] !== batch || dx!.shape[2] !== dim) {
    throw new ShapeError(
      'dualMlp',
      `x [${x!.shape}] and tangents [${dx!.shape}]`,
      'give x [batch, in] and tangents [count, batch, in]',
    );
  }
  let width = dim!;
  unflattenLayers(tensors, params).forEach(({ weight, bias, scale, shift }, i) => {
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
}

const fused = /* @__PURE__ */ defineFused<DualMlpParams>('dualMlp', decompose, {
  outputs: outputsOf,
  jvp: (tangents, { inputs, params }) => fusedJvp([...inputs, ...directions(tangents, inputs)], params),
  vjp: ([ct, dct], { inputs, outputs, params }) =>
    fusedVjp([ct ?? zerosLike(outputs[0]!), dct ?? zerosLike(outputs[1]!), ...inputs], params),
});

/** The reverse pass of dualMlp: cotangents of both outputs and all inputs in, cotangents of all inputs out. */
const fusedVjp: Fused<DualMlpParams> = /* @__PURE__ */ defineFused<DualMlpParams>(
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
  {
    outputs: ([, , ...inputs]) => inputs,
    jvp: (tangents, { inputs, params }) => fusedVjpJvp([...inputs, ...directions(tangents, inputs)], params),
  },
);

/** The derivative of dualMlp along a direction: all operands, then the direction of each. */
const fusedJvp = /* @__PURE__ */ defineFused<DualMlpParams>(
  'dualMlpJvp',
  (operands, params) => along((inputs) => decompose(inputs, params), operands),
  { outputs: (operands, params) => outputsOf(operands.slice(0, operands.length / 2), params) },
);

/** The derivative of its reverse pass along a direction: the Hessian-vector product of a flow is made of these. */
const fusedVjpJvp: Fused<DualMlpParams> = /* @__PURE__ */ defineFused<DualMlpParams>(
  'dualMlpVjpJvp',
  (operands, params) => along((inputs) => fusedVjp.decompose(inputs, params), operands),
  { outputs: (operands) => operands.slice(2, operands.length / 2) },
);

function along(f: (inputs: readonly Tensor[]) => Tensor[], operands: readonly Tensor[]): Tensor[] {
  const n = operands.length / 2;
  return jvp(f, operands.slice(0, n), operands.slice(n)).tangent;
}

function directions(tangents: readonly Maybe[], inputs: readonly Tensor[]): Tensor[] {
  return inputs.map((x, i) => tangents[i] ?? zerosLike(x));
}

/** The network and its reverse pass at once: the reverse pass computes the values anyway. */
const fusedWithVjp = /* @__PURE__ */ defineFused<DualMlpParams>(
  'dualMlpWithVjp',
  ([ct, dct, ...inputs], params) => [...fused(inputs, params), ...fusedVjp([ct!, dct!, ...inputs], params)],
  { outputs: ([ct, dct, ...inputs]) => [ct!, dct!, ...inputs] },
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
  const [value, tangent] = fused([x, tangents, ...flattenLayers(layers)], paramsOf(layers, activation));
  return { value: value!, tangent: tangent! };
}

/** What `dualMlpWithVjp` gives. */
export interface DualMlpWithVjp {
  readonly value: Tensor;
  readonly tangent: Tensor;
  /** The cotangents of the input, the tangents, and of each layer's tensors. */
  readonly cotangents: { readonly x: Tensor; readonly tangents: Tensor; readonly layers: readonly DualLayer[] };
}

/**
 * `dualMlp` and its vector-Jacobian product in one pass, for cotangents that are known beforehand, as in the adjoint method: a
 * third less work than one after the other.
 *
 * @param cotangent of the value and of the tangent
 * @throws {ShapeError} when widths do not chain, or a cotangent has another shape than its value
 *
 * @example
 * ```ts
 * import { dualMlpWithVjp, ones, tensor } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 *
 * const backend = createReferenceBackend();
 * const weight = tensor([[2, 0], [0, 3]], { backend }); // one layer: f = W x
 * const [x, dx] = [tensor([[1, 1]], { backend }), tensor([[[1, 0]]], { backend })];
 * const cotangent = { value: ones([1, 2], { backend }), tangent: ones([1, 1, 2], { backend }) };
 * const { value, cotangents } = dualMlpWithVjp(x, dx, [{ weight }], 'tanh', cotangent);
 * console.log(value.dataSync(), cotangents.x.dataSync()); // [2, 3], [2, 3]
 * console.log(cotangents.layers[0]!.weight.dataSync()); // [2, 1, 2, 1]
 * ```
 */
export function dualMlpWithVjp(
  x: Tensor,
  tangents: Tensor,
  layers: readonly DualLayer[],
  activation: ActivationName,
  cotangent: { readonly value: Tensor; readonly tangent: Tensor },
): DualMlpWithVjp {
  const params = paramsOf(layers, activation);
  const inputs = [x, tangents, ...flattenLayers(layers)];
  const [value, tangent] = outputsOf(inputs, params);
  if (!shapesEqual(cotangent.value.shape, value!.shape) || !shapesEqual(cotangent.tangent.shape, tangent!.shape)) {
    throw new ShapeError(
      'dualMlpWithVjp',
      `cotangents [${cotangent.value.shape}] and [${cotangent.tangent.shape}] of [${value!.shape}] and [${tangent!.shape}]`,
      'give cotangents of the shapes of value and tangent',
    );
  }
  const [f, df, gx, gdx, ...rest] = fusedWithVjp([cotangent.value, cotangent.tangent, ...inputs], params);
  return {
    value: f!,
    tangent: df!,
    cotangents: { x: gx!, tangents: gdx!, layers: unflattenLayers(rest, params) },
  };
}

export function flattenLayers(layers: readonly DualLayer[]): Tensor[] {
  return layers.flatMap(({ weight, bias, scale, shift }) =>
    [weight, bias, scale, shift].filter((v) => v !== undefined),
  );
}

export function paramsOf(layers: readonly DualLayer[], activation: ActivationName): DualMlpParams {
  return {
    activation,
    layers: layers.map(({ bias, scale, shift }) => ({
      bias: bias !== undefined,
      scale: scale !== undefined,
      shift: shift !== undefined,
    })),
  };
}
