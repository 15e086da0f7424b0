import type { ActivationName } from '@sparseflow/tensor';
import { shaderFunctions } from '../shader-functions.ts';

interface ShaderActivation {
  /** Functions that the expressions call. */
  readonly uses: readonly string[];
  /** h = act(u). */
  readonly value: string;
  /** dh/du, from u and h. */
  readonly slope: string;
  /** d²h/du², from u, h and d = dh/du; none where the derivative is constant in pieces. */
  readonly curvature?: string;
}

/** tensor's activations in WGSL. One that is missing here is decomposed. */
const table: Readonly<Record<ActivationName, ShaderActivation>> = {
  sigmoid: {
    uses: ['sigmoid'],
    value: 'sf_sigmoid(u)',
    slope: 'h * (1.0 - h)',
    curvature: 'd * (1.0 - 2.0 * h)',
  },
  tanh: { uses: ['tanh'], value: 'sf_tanh(u)', slope: '1.0 - h * h', curvature: '-2.0 * h * d' },
  softplus: {
    uses: ['softplus', 'sigmoid'],
    value: 'sf_softplus(u)',
    slope: 'sf_sigmoid(u)',
    curvature: 'd * (1.0 - d)',
  },
  relu: { uses: ['relu', 'step'], value: 'sf_relu(u)', slope: 'sf_step(u)' },
  elu: {
    uses: ['expm1'],
    // Not max and min, which may lose a NaN.
    value: 'select(sf_expm1(u), u, u > 0.0)',
    slope: 'select(h + 1.0, 1.0, h > 0.0)',
    // A tie's derivative is split evenly, as in the decomposition.
    curvature: 'select(select(d, 0.0, h > 0.0), 0.5, h == 0.0)',
  },
  swish: {
    uses: ['sigmoid'],
    value: 'u * sf_sigmoid(u)',
    slope: 'sf_sigmoid(u) + h * (1.0 - sf_sigmoid(u))',
    curvature: 'sf_sigmoid(u) * (1.0 - sf_sigmoid(u)) * (2.0 + u * (1.0 - 2.0 * sf_sigmoid(u)))',
  },
  identity: { uses: [], value: 'u', slope: '1.0' },
};

/** Source of `act(u)`, `slope(u, h)` and, where there is one, `curvature(u, h, d)`; undefined for an activation without WGSL. */
export function activationSource(name: ActivationName): { source: string; isCurved: boolean } | undefined {
  const entry = table[name] as ShaderActivation | undefined;
  if (!entry) return undefined;
  const source = [
    shaderFunctions(...entry.uses),
    `fn act(u : f32) -> f32 { return ${entry.value}; }`,
    `fn slope(u : f32, h : f32) -> f32 { return ${entry.slope}; }`,
    ...(entry.curvature ? [`fn curvature(u : f32, h : f32, d : f32) -> f32 { return ${entry.curvature}; }`] : []),
  ].join('\n');
  return { source, isCurved: entry.curvature !== undefined };
}
