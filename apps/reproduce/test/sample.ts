import type { Artefact } from '../src/results/store.ts';
import type { Point, Result } from '../src/results/schema.ts';
import { gaussians } from '../src/studies/gaussians.ts';
import type { Method } from '../src/study.ts';

/** A point with made-up numbers. */
export function samplePoint(
  method: Method,
  pruneRatio: number,
  round: number,
  seed: number,
  testNll: number | null,
): Point {
  const kept = method === 'dense' || method === 'control' ? 1 : 1 - pruneRatio;
  return {
    method,
    pruneRatio,
    keepRatio: kept,
    parameters: Math.floor(642 * kept),
    round,
    seed,
    epochs: 20 * (round + 1),
    trainNll: testNll === null ? null : testNll - 0.01,
    validationNll: testNll === null ? null : testNll + 0.004,
    testNll,
    nfeForward: testNll === null ? null : 44,
    nfeBackward: testNll === null ? null : 34,
    seconds: 31.25,
    status: testNll === null ? 'diverged' : 'ok',
    ...(testNll === null ? { reason: 'the loss became NaN in epoch 3' } : {}),
    address: `${seed}${round}`.padEnd(
      32,
      method === 'dense'
        ? 'd'
        : method === 'control'
          ? 'c'
          : method === 'random'
            ? 'a'
            : method === 'structured'
              ? 'e'
              : 'f',
    ),
  };
}

const curve: Readonly<Record<Exclude<Method, 'dense' | 'gaussian'>, readonly number[]>> = {
  unstructured: [1.19, 1.152, 1.131, 1.172],
  structured: [1.192, 1.163, 1.158, 1.301],
  random: [1.203, 1.196, 1.221, 1.42],
  control: [1.189, 1.165, 1.155, 1.151],
};

/** A result as a study of `seeds` seeds would give it, with made-up numbers. */
export function sampleResult(seeds: number, overrides: Partial<Result> = {}): Result {
  const ratios = [0.2, 0.6, 0.7, 0.9];
  const points = Array.from({ length: seeds }, (_, seed) => {
    // Seeds differ by a common shift and a small part of their own.
    const shift = 0.012 * (seed - (seeds - 1) / 2);
    return [
      samplePoint('dense', 0, 0, seed, 1.262 + shift),
      ...(['unstructured', 'structured', 'random', 'control'] as const).flatMap((method, m) =>
        ratios.map((ratio, i) =>
          samplePoint(method, ratio, i + 1, seed, curve[method][i]! + shift + 0.003 * Math.sin(7 * seed + 3 * i + m)),
        ),
      ),
    ];
  }).flat();
  return {
    schema: 1,
    study: 'gaussians',
    title: gaussians.title,
    about: gaussians.about,
    remarks: [...gaussians.remarks],
    budget: 'quick',
    protocol: 'paper',
    backend: 'tfjs-wasm',
    seed: 0,
    seeds: Array.from({ length: seeds }, (_, seed) => seed),
    seconds: points.reduce((sum, { seconds }) => sum + seconds, 0),
    machine: { cpu: 'Example CPU @ 3 GHz', cores: 2, memoryGiB: 16, platform: 'linux x64' },
    versions: { node: '20.20.2', reproduce: '0.0.0' },
    run: {
      command: 'pnpm reproduce gaussians',
      finished: '2026-01-02T03:04:05.000Z',
      wallSeconds: 271,
      workers: 2,
      kept: 0,
    },
    settings: {
      data: '5400 training points',
      net: '2 layers',
      solver: 'dopri5',
      optimiser: 'AdamW',
      training: '20 epochs',
    },
    points,
    paper: [...gaussians.references],
    ...overrides,
  };
}

/** Density and samples of six modes of the given width, joined by a ring of the given weight: a made-up model. */
export function sampleArtefact(width: number, ring: number, withData: boolean): Artefact {
  const side = 96;
  const extent = 2.4;
  const radius = 1.35;
  const modes = Array.from(
    { length: 6 },
    (_, i) => [radius * Math.cos((Math.PI * i) / 3), radius * Math.sin((Math.PI * i) / 3)] as const,
  );
  const logDensity = Float32Array.from({ length: side * side }, (_, k) => {
    const x = -extent + ((k % side) + 0.5) * ((2 * extent) / side);
    const y = -extent + (Math.floor(k / side) + 0.5) * ((2 * extent) / side);
    const mixture =
      modes.reduce((sum, [a, b]) => sum + Math.exp(-((x - a) ** 2 + (y - b) ** 2) / (2 * width ** 2)), 0) /
      (6 * 2 * Math.PI * width ** 2);
    return Math.log((1 - ring) * mixture + ring * 0.4 * Math.exp(-((Math.hypot(x, y) - radius) ** 2) / 0.02) + 1e-8);
  });
  // Fixed points in place of random ones: a sunflower in every mode.
  const spread = (w: number): Float32Array =>
    Float32Array.from({ length: 1200 * 2 }, (_, k) => {
      const i = k >> 1;
      const [a, b] = modes[i % 6]!;
      const r = w * Math.sqrt(-2 * Math.log((i + 1) / 1201));
      const angle = i * 2.39996;
      return k % 2 === 0 ? a + r * Math.cos(angle) : b + r * Math.sin(angle);
    });
  const points = (values: Float32Array) => ({ shape: [values.length / 2, 2], values });
  return {
    extent,
    arrays: {
      logDensity: { shape: [side, side], values: logDensity },
      samples: points(spread(width)),
      ...(withData ? { data: points(spread(0.17)) } : {}),
    },
  };
}
