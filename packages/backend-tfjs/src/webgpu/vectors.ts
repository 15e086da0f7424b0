import { sizeOf, type AdamParams } from '@sparseflow/tensor';
import { shaderFunctions } from '../shader-functions.ts';
import type { Info } from '../runtime.ts';
import { range } from './dualForward.ts';
import {
  counts,
  elementGroups,
  elementwiseMain,
  MAX_BINDINGS,
  numbers,
  sizeOfInfo,
  type GpuQueue,
  type Program,
} from './queue.ts';

/** Terms that one dispatch takes, beside its result and the sum so far. */
const TERMS = MAX_BINDINGS - 2;

/** Σ coefficients[i] · xs[i], where none of the coefficients is 0. */
export function linearCombination(queue: GpuQueue, xs: readonly Info[], coefficients: readonly number[]): Info {
  let sum: Info | undefined;
  for (let at = 0; at < xs.length; at += TERMS) {
    const terms = xs.slice(at, at + TERMS);
    const next = at + TERMS < xs.length ? queue.scratch(sizeOfInfo(xs[0]!)) : queue.output(xs[0]!.shape);
    queue.run({
      program: combinationProgram(terms.length, sum !== undefined),
      reads: [...(sum ? [sum] : []), ...terms],
      writes: [next],
      uniforms: [sizeOfInfo(next), ...coefficients.slice(at, at + TERMS)],
      groups: elementGroups(sizeOfInfo(next)),
    });
    sum = next;
  }
  return sum!;
}

function combinationProgram(terms: number, goesOn: boolean): Program {
  return {
    key: `linearCombination ${terms} ${goesOn}`,
    reads: [...(goesOn ? [{ name: 'sum' }] : []), ...range(terms).map((i) => ({ name: `x${i}` }))],
    writes: [{ name: 'result' }],
    uniforms: [...counts('size'), ...numbers(...range(terms).map((i) => `c${i}`))],
    source: () => `
fn element(i : u32) {
  result[i] = ${[...(goesOn ? ['sum[i]'] : []), ...range(terms).map((t) => `uniforms.c${t} * x${t}[i]`)].join(' + ')};
}
${elementwiseMain()}`,
  };
}

const NORM_THREADS = 256;
/** Workgroups, and so partial sums, for one part of a state at most. */
const NORM_GROUPS = 64;

const total = (value: string): string => `
  sums[thread] = ${value};
  workgroupBarrier();
  for (var half = ${NORM_THREADS / 2}u; half > 0u; half /= 2u) {
    if (thread < half) { sums[thread] += sums[thread + half]; }
    workgroupBarrier();
  }`;

/** The sum of squares of error / tolerance over what each workgroup takes, written behind \`at\`. */
const normPart: Program = {
  key: 'scaledErrorNorm, part',
  reads: ['error', 'before', 'after'].map((name) => ({ name })),
  writes: [{ name: 'partial' }],
  uniforms: [...counts('size', 'at'), ...numbers('rtol', 'atol')],
  source: () => `
${shaderFunctions('maximum')}
var<workgroup> sums : array<f32, ${NORM_THREADS}>;
@compute @workgroup_size(${NORM_THREADS})
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>,
        @builtin(local_invocation_index) thread : u32) {
  var sum = 0.0;
  for (var i = group.x * ${NORM_THREADS}u + thread; i < uniforms.size; i += groups.x * ${NORM_THREADS}u) {
    let ratio = error[i] / (uniforms.atol + uniforms.rtol * sf_maximum(abs(before[i]), abs(after[i])));
    sum += ratio * ratio;
  }
  ${total('sum')}
  if (thread == 0u) { partial[uniforms.at + group.x] = sums[0]; }
}`,
};

const normWhole: Program = {
  key: 'scaledErrorNorm, whole',
  reads: [{ name: 'partial' }],
  writes: [{ name: 'result' }],
  uniforms: [...counts('parts'), ...numbers('share')],
  source: () => `
var<workgroup> sums : array<f32, ${NORM_THREADS}>;
@compute @workgroup_size(${NORM_THREADS})
fn main(@builtin(local_invocation_index) thread : u32) {
  var sum = 0.0;
  for (var i = thread; i < uniforms.parts; i += ${NORM_THREADS}u) { sum += partial[i]; }
  ${total('sum')}
  if (thread == 0u) { result[0] = sqrt(sums[0] * uniforms.share); }
}`,
};

/** The root mean square of all parts' errors in units of the tolerance; one number, which stays on the device. */
export function scaledErrorNorm(
  queue: GpuQueue,
  inputs: readonly Info[],
  { rtol, atol }: { readonly rtol: number; readonly atol: number },
): Info {
  const n = inputs.length / 3;
  const sizes = inputs.slice(0, n).map(sizeOfInfo);
  const groups = sizes.map((size) => Math.min(NORM_GROUPS, Math.ceil(size / NORM_THREADS)));
  const parts = groups.reduce((a, b) => a + b);
  const partial = queue.scratch(parts);
  let at = 0;
  for (let i = 0; i < n; i++) {
    queue.run({
      program: normPart,
      reads: [inputs[i]!, inputs[n + i]!, inputs[2 * n + i]!],
      writes: [partial],
      uniforms: [sizes[i]!, at, rtol, atol],
      groups: [groups[i]!],
    });
    at += groups[i]!;
  }
  const result = queue.output([]);
  const share = 1 / sizes.reduce((a, b) => a + b);
  queue.run({ program: normWhole, reads: [partial], writes: [result], uniforms: [parts, share], groups: [1] });
  return result;
}

function adamProgram(masked: boolean, decays: boolean): Program {
  return {
    key: `adamUpdate ${masked} ${decays}`,
    reads: ['param', 'gradient', 'mean', 'variance', ...(masked ? ['mask'] : [])].map((name) => ({ name })),
    writes: ['newParam', 'newMean', 'newVariance'].map((name) => ({ name })),
    uniforms: [
      ...counts('size'),
      ...numbers('beta1', 'rest1', 'beta2', 'rest2', 'epsilon', 'shrink', 'l2', 'rate', 'correction'),
    ],
    source: () => `
fn element(i : u32) {
  let g = gradient[i]${decays ? ' + uniforms.l2 * param[i]' : ''};
  let m = uniforms.beta1 * mean[i] + uniforms.rest1 * g;
  let v = uniforms.beta2 * variance[i] + uniforms.rest2 * g * g;
  let moved = uniforms.shrink * param[i] - uniforms.rate * (m / (sqrt(v) * uniforms.correction + uniforms.epsilon));
  newParam[i] = moved${masked ? ' * mask[i]' : ''};
  newMean[i] = m;
  newVariance[i] = v;
}
${elementwiseMain()}`,
  };
}

/** Parameter, gradient, mean, variance and perhaps mask in; parameter, mean and variance out. What depends on the step is worked out in double precision. */
export function adamUpdate(queue: GpuQueue, inputs: readonly Info[], p: AdamParams): Info[] {
  const writes = [0, 1, 2].map(() => queue.output(inputs[0]!.shape));
  const size = sizeOfInfo(inputs[0]!);
  const l2 = p.decoupled ? 0 : p.weightDecay;
  queue.run({
    program: adamProgram(inputs.length === 5, l2 !== 0),
    reads: inputs,
    writes,
    uniforms: [
      size,
      p.beta1,
      1 - p.beta1,
      p.beta2,
      1 - p.beta2,
      p.epsilon,
      p.decoupled ? 1 - p.learningRate * p.weightDecay : 1,
      l2,
      p.learningRate / (1 - p.beta1 ** p.step),
      1 / Math.sqrt(1 - p.beta2 ** p.step),
    ],
    groups: elementGroups(size),
  });
  return writes;
}

const rowDotsProgram: Program = {
  key: 'rowDots',
  reads: [{ name: 'a' }, { name: 'b' }],
  writes: [{ name: 'result' }],
  uniforms: [...counts('size', 'blocks', 'dim'), ...numbers('weight')],
  source: () => `
fn element(row : u32) {
  var sum = 0.0;
  for (var k = 0u; k < uniforms.blocks; k++) {
    let at = (k * uniforms.size + row) * uniforms.dim;
    for (var d = 0u; d < uniforms.dim; d++) { sum += a[at + d] * b[at + d]; }
  }
  result[row] = uniforms.weight * sum;
}
${elementwiseMain()}`,
};

/** weight · Σₖ Σ_d a[k, row, d] · b[k, row, d]. */
export function rowDots(queue: GpuQueue, [a, b]: readonly Info[], weight: number): Info {
  const [blocks, rows, dim] = a!.shape as [number, number, number];
  const result = queue.output([rows]);
  queue.run({
    program: rowDotsProgram,
    reads: [a!, b!],
    writes: [result],
    uniforms: [rows, blocks, dim, weight],
    groups: elementGroups(rows),
  });
  return result;
}

const scaleRowsProgram: Program = {
  key: 'scaleRows',
  reads: [{ name: 'x' }, { name: 'factors' }],
  writes: [{ name: 'result' }],
  uniforms: [...counts('size', 'rows', 'dim'), ...numbers('weight')],
  source: () => `
fn element(i : u32) {
  result[i] = x[i] * (uniforms.weight * factors[(i / uniforms.dim) % uniforms.rows]);
}
${elementwiseMain()}`,
};

/** weight · factors[row] · x[k, row, d]. */
export function scaleRows(queue: GpuQueue, [x, factors]: readonly Info[], weight: number): Info {
  const [, rows, dim] = x!.shape as [number, number, number];
  const result = queue.output(x!.shape);
  const size = sizeOf(x!.shape);
  queue.run({
    program: scaleRowsProgram,
    reads: [x!, factors!],
    writes: [result],
    uniforms: [size, rows, dim, weight],
    groups: elementGroups(size),
  });
  return result;
}
