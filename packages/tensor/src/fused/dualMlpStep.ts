import { ShapeError } from '../errors.ts';
import { neg } from '../ops/unary.ts';
import { shapesEqual } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import type { ActivationName } from './activations.ts';
import { defineFused } from './defineFused.ts';
import {
  dualMlp,
  dualMlpWithVjp,
  flattenLayers,
  paramsOf,
  unflattenLayers,
  type DualLayer,
  type DualMlpParams,
} from './dualMlp.ts';
import { linearCombination } from './linearCombination.ts';
import { rowDots, scaleRows } from './rowDots.ts';

/** An explicit Runge-Kutta method whose last stage is the derivative at the end of the step: `a`'s last row is the step itself. */
export interface StepMethod {
  /** Row i holds the weights of the i stages before stage i. */
  readonly a: readonly (readonly number[])[];
  /** The weights of all stages in the error estimate. */
  readonly error: readonly number[];
}

/** How a step is to be taken. */
export interface DualMlpStepOptions {
  readonly method: StepMethod;
  readonly dt: number;
  /** The divergence is `weight` · Σₖ pₖ · (∂f/∂z) pₖ. */
  readonly weight: number;
  /** Weights of all stages in a state inside the step that is wanted too: those of a dense output. */
  readonly output?: readonly number[] | undefined;
}

export interface DualMlpStepParams extends DualMlpStepOptions {
  readonly network: DualMlpParams;
}

/** Positions [batch, dim] and log determinants [batch], or their derivatives or errors. */
export interface Moving {
  readonly z: Tensor;
  readonly logDet: Tensor;
}

/** Those with the cotangents of positions and layers. */
export interface MovingBack extends Moving {
  readonly ofZ: Tensor;
  readonly ofLayers: readonly DualLayer[];
}

/** A step that was taken: the state at its end, the derivative there, the estimated error, and the output, if one is wanted. */
export interface StepTaken<State> {
  readonly state: State;
  readonly slope: State;
  readonly error: State;
  readonly output?: State | undefined;
}

/** A step of the adjoint problem. The error has no part in the layers; where an output is wanted, the state has none either. */
export interface AdjointStepTaken extends StepTaken<Omit<MovingBack, 'ofLayers'>> {
  readonly slope: MovingBack;
  /** The layers' cotangents at the output, or else at the end. */
  readonly ofLayers: readonly DualLayer[];
}

/** y + dt Σ weights[j] slopes[j]. */
function advance(y: Tensor, slopes: readonly Tensor[], weights: readonly number[], dt: number): Tensor {
  return linearCombination([y, ...slopes], [1, ...weights.map((w) => dt * w)]);
}

/** The step's own weights, for all of its stages. */
function endWeights({ method: { a, error } }: DualMlpStepParams): number[] {
  return [...a.at(-1)!.slice(0, error.length - 1), 0];
}

/** A part of the state, and its slopes at the stages so far. */
interface Track {
  readonly y: Tensor;
  readonly slopes: Tensor[];
}

/** What comes of tracks of a state and its slopes at all stages: ends, slopes, errors and, where they are wanted, outputs. */
function resultsOf(tracks: readonly Track[], params: DualMlpStepParams): Tensor[] {
  const { method, dt, output } = params;
  const scaled = method.error.map((w) => dt * w);
  return [
    ...tracks.map(({ y, slopes }) => advance(y, slopes, endWeights(params), dt)),
    ...tracks.map(({ slopes }) => slopes.at(-1)!),
    ...tracks.map(({ slopes }) => linearCombination(slopes, scaled)),
    ...(output ? tracks.map(({ y, slopes }) => advance(y, slopes, output, dt)) : []),
  ];
}

/** The shapes of those. */
function shapesOf(
  name: string,
  state: readonly Tensor[],
  slope: Tensor,
  { method, output }: DualMlpStepParams,
): readonly Tensor[] {
  const { a, error } = method;
  const stages = error.length;
  if (stages < 2 || a.length !== stages || a.some((row, i) => row.length < i) || (output && output.length !== stages)) {
    throw new ShapeError(
      name,
      `${a.length} rows for ${stages} stages`,
      'give a row, an error and an output for each stage',
    );
  }
  if (!shapesEqual(state[0]!.shape, slope.shape)) {
    const what = `a slope [${slope.shape}] of [${state[0]!.shape}]`;
    throw new ShapeError(name, what, 'give slopes of the shapes of the state');
  }
  return [...state, ...state, ...state, ...(output ? state : [])];
}

const fusedStep = /* @__PURE__ */ defineFused<DualMlpStepParams>(
  'dualMlpStep',
  ([z, logDet, slopeOfZ, slopeOfLogDet, probes, ...tensors], params) => {
    const { network, method, dt, weight } = params;
    const layers = unflattenLayers(tensors, network);
    const tracks: [Track, Track] = [
      { y: z!, slopes: [slopeOfZ!] },
      { y: logDet!, slopes: [slopeOfLogDet!] },
    ];
    for (let i = 1; i < method.error.length; i++) {
      const at = advance(z!, tracks[0].slopes, method.a[i]!.slice(0, i), dt);
      const { value, tangent } = dualMlp(at, probes!, layers, network.activation);
      tracks[0].slopes.push(value);
      tracks[1].slopes.push(rowDots(probes!, tangent, weight));
    }
    return resultsOf(tracks, params);
  },
  { outputs: (inputs, params) => shapesOf('dualMlpStep', inputs.slice(0, 2), inputs[2]!, params) },
);

const fusedAdjointStep = /* @__PURE__ */ defineFused<DualMlpStepParams>(
  'dualMlpAdjointStep',
  ([z, logDet, a, slopeOfZ, slopeOfLogDet, slopeOfA, b, probes, ...rest], params) => {
    const { network, method, dt, weight, output } = params;
    const count = rest.length / 3;
    const layers = unflattenLayers(rest.slice(0, count), network);
    const tracks: [Track, Track, Track] = [
      { y: z!, slopes: [slopeOfZ!] },
      { y: logDet!, slopes: [slopeOfLogDet!] },
      { y: a!, slopes: [slopeOfA!] },
    ];
    const ofLayers = rest.slice(count, 2 * count).map((y, j): Track => ({ y, slopes: [rest[2 * count + j]!] }));
    for (let i = 1; i < method.error.length; i++) {
      const row = method.a[i]!.slice(0, i);
      const [at, aAt] = [advance(z!, tracks[0].slopes, row, dt), advance(a!, tracks[2].slopes, row, dt)];
      const cotangent = { value: neg(aAt), tangent: scaleRows(probes!, neg(b!), weight) };
      const { value, tangent, cotangents } = dualMlpWithVjp(at, probes!, layers, network.activation, cotangent);
      tracks[0].slopes.push(value);
      tracks[1].slopes.push(rowDots(probes!, tangent, weight));
      tracks[2].slopes.push(cotangents.x);
      flattenLayers(cotangents.layers).forEach((gradient, j) => ofLayers[j]!.slopes.push(gradient));
    }
    return [
      ...resultsOf(tracks, params),
      ...ofLayers.map(({ y, slopes }) => advance(y, slopes, output ?? endWeights(params), dt)),
      ...ofLayers.map(({ slopes }) => slopes.at(-1)!),
    ];
  },
  {
    outputs(inputs, params) {
      const layers = inputs.slice(8, 8 + (inputs.length - 8) / 3);
      return [...shapesOf('dualMlpAdjointStep', inputs.slice(0, 3), inputs[3]!, params), ...layers, ...layers];
    },
  },
);

/**
 * A whole step of a flow whose field is a multilayer perceptron: dz/dt = f(z), and d logDet/dt = the divergence of f along the probes.
 * The first stage is given, as the last stage of the step before.
 *
 * @param slope the derivative of the state at the start
 * @param probes [count, batch, dim]
 * @throws {ShapeError} when shapes do not fit
 *
 * @example
 * ```ts
 * import { dualMlpStep, ones, tensor } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 *
 * const backend = createReferenceBackend();
 * const method = { a: [[], [1]], error: [-0.5, 0.5] }; // Euler's, with the slope at the end of the step
 * const state = { z: tensor([[2]], { backend }), logDet: tensor([0], { backend }) };
 * const slope = { z: tensor([[-2]], { backend }), logDet: tensor([-1], { backend }) }; // f(z) = -z
 * const layers = [{ weight: tensor([[-1]], { backend }) }];
 * const { state: end } = dualMlpStep(state, slope, ones([1, 1, 1], { backend }), layers, 'tanh', { method, dt: 0.5, weight: 1 });
 * console.log(end.z.dataSync(), end.logDet.dataSync()); // [1], [-0.5]
 * ```
 */
export function dualMlpStep(
  state: Moving,
  slope: Moving,
  probes: Tensor,
  layers: readonly DualLayer[],
  activation: ActivationName,
  options: DualMlpStepOptions,
): StepTaken<Moving> {
  const results = fusedStep([state.z, state.logDet, slope.z, slope.logDet, probes, ...flattenLayers(layers)], {
    ...options,
    network: paramsOf(layers, activation),
  });
  const part = (i: number): Moving => ({ z: results[i]!, logDet: results[i + 1]! });
  return { state: part(0), slope: part(2), error: part(4), output: options.output && part(6) };
}

/**
 * A whole step of the adjoint problem of that flow (Chen et al. 2018): with the state move the cotangent a of z, da/dt = -aᵀ ∂f/∂z -
 * b ∂div/∂z, and those of the layers, d/dt = -aᵀ ∂f/∂θ - b ∂div/∂θ, while that of logDet, `ofLogDet` = b, stays as it is.
 *
 * @throws {ShapeError} when shapes do not fit
 */
export function dualMlpAdjointStep(
  state: MovingBack,
  slope: MovingBack,
  ofLogDet: Tensor,
  probes: Tensor,
  layers: readonly DualLayer[],
  activation: ActivationName,
  options: DualMlpStepOptions,
): AdjointStepTaken {
  const network = paramsOf(layers, activation);
  const moving = (all: MovingBack): Tensor[] => [all.z, all.logDet, all.ofZ];
  const results = fusedAdjointStep(
    [
      ...[...moving(state), ...moving(slope), ofLogDet, probes],
      ...[layers, state.ofLayers, slope.ofLayers].flatMap(flattenLayers),
    ],
    { ...options, network },
  );
  const moved = options.output ? 12 : 9;
  const count = (results.length - moved) / 2;
  const part = (i: number) => ({ z: results[i]!, logDet: results[i + 1]!, ofZ: results[i + 2]! });
  return {
    state: part(0),
    slope: { ...part(3), ofLayers: unflattenLayers(results.slice(moved + count), network) },
    error: part(6),
    output: options.output && part(9),
    ofLayers: unflattenLayers(results.slice(moved, moved + count), network),
  };
}
