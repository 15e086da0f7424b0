import type { Network } from './network.ts';
import { gateNames } from './pack.ts';
import { counts, elementwiseMain, type Program } from './queue.ts';
import type { Layer } from './network.ts';

/** Rows that one workgroup adds up, in their order. */
export const ROWS_PER_PART = 256;

const TILE = 32;
const DEPTH = 16;

/** The tiles of all layers' gradients, one after the other. */
export function gradientTiles({ layers }: Network): number {
  return layers.reduce((n, layer) => n + tilesOf(layer), 0);
}

const across = ({ into }: Layer): number => Math.ceil((into + 1) / TILE);
const tilesOf = (layer: Layer): number => Math.ceil(layer.out / TILE) * across(layer);

/**
 * All weights' gradients in one dispatch: for each layer the products of its outputs' cotangents with its inputs, of values and tangents
 * alike, summed over rows; and the sum of the values' cotangents as the column behind the last input, which is the bias's. Each workgroup
 * makes 32 × 32 of them for one part of the rows; `finishProgram` adds the parts up. Without atomics, the order of all sums is fixed.
 */
export function gradientsProgram(network: Network, hasTangents: boolean): Program {
  const { layers } = network;
  let firstTile = 0;
  const cases = layers.map((layer, l) => {
    const { into, out, gradient, column } = layer;
    const end = (firstTile += tilesOf(layer));
    const below = layers[l - 1];
    const isLast = l === layers.length - 1;
    const cotangent = isLast
      ? `if (row < parts * batch) {
        // Tangents beyond the first part add nothing to an output's own cotangent.
        if (row < batch) { return ct[row * ${out}u + o]; }
        return 0.0;
      }
      ${hasTangents ? `return dct[(row - parts * batch) * ${out}u + o];` : 'return 0.0;'}`
      : `return cotangents[(parts + count) * batch * ${column}u + row * ${out}u + o];`;
    const feature = below
      ? `return kept[(1u + count) * batch * ${below.column}u + input * ${into}u + i];`
      : `if (input < batch) { return x[input * ${into}u + i]; }
      ${hasTangents ? `return dx[(input - batch) * ${into}u + i];` : 'return 0.0;'}`;
    return { end, start: end - tilesOf(layer), into, out, gradient, across: across(layer), cotangent, feature };
  });
  const perLayer = (body: (c: (typeof cases)[number]) => string): string =>
    cases.map((c, l) => `if (layer == ${l}u) { ${body(c)} }`).join('\n    ');
  return {
    key: `dualMlpGradients ${hasTangents} ${network.key}`,
    reads: [...['x', ...(hasTangents ? ['dx'] : []), 'ct', ...(hasTangents ? ['dct'] : []), 'kept', 'cotangents']].map(
      (name) => ({ name }),
    ),
    writes: [{ name: 'partial' }],
    uniforms: counts('batch', 'count', 'parts'),
    source: () => `
var<workgroup> left : array<f32, ${DEPTH * TILE}>;
var<workgroup> right : array<f32, ${DEPTH * TILE}>;

fn cotangent(layer : u32, row : u32, o : u32) -> f32 {
  let batch = uniforms.batch;
  let count = uniforms.count;
  let parts = uniforms.parts;
    ${perLayer((c) => c.cotangent)}
  return 0.0;
}

fn feature(layer : u32, row : u32, i : u32) -> f32 {
  let batch = uniforms.batch;
  let count = uniforms.count;
  let values = uniforms.parts * batch;
  // Every part of a value's cotangent belongs to the same value.
  var input = row % batch;
  if (row >= values) { input = row - values + batch; }
    ${perLayer(
      (c) => `
      if (i == ${c.into}u) { return select(0.0, 1.0, row < values); }
      ${c.feature}`,
    )}
  return 0.0;
}

@compute @workgroup_size(${TILE / 2}, ${TILE / 2})
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(local_invocation_id) local : vec3<u32>,
        @builtin(local_invocation_index) thread : u32) {
  var layer = 0u;
  var out = 0u;
  var width = 0u;
  var o0 = 0u;
  var i0 = 0u;
  var gradient = 0u;
  ${cases
    .map(
      (c, l) => `if (group.x >= ${c.start}u && group.x < ${c.end}u) {
    layer = ${l}u; out = ${c.out}u; width = ${c.into + 1}u; gradient = ${c.gradient}u;
    o0 = ((group.x - ${c.start}u) / ${c.across}u) * ${TILE}u;
    i0 = ((group.x - ${c.start}u) % ${c.across}u) * ${TILE}u;
  }`,
    )
    .join('\n  ')}
  let end = min((group.y + 1u) * ${ROWS_PER_PART}u, (uniforms.parts + uniforms.count) * uniforms.batch);
  var sum00 = 0.0; var sum01 = 0.0; var sum10 = 0.0; var sum11 = 0.0;
  for (var row0 = group.y * ${ROWS_PER_PART}u; row0 < end; row0 += ${DEPTH}u) {
    for (var k = thread; k < ${DEPTH * TILE}u; k += ${(TILE / 2) ** 2}u) {
      let row = row0 + k / ${TILE}u;
      let c = k % ${TILE}u;
      var a = 0.0;
      var b = 0.0;
      if (row < end) {
        if (o0 + c < out) { a = cotangent(layer, row, o0 + c); }
        if (i0 + c < width) { b = feature(layer, row, i0 + c); }
      }
      left[k] = a;
      right[k] = b;
    }
    workgroupBarrier();
    for (var k = 0u; k < ${DEPTH}u; k++) {
      let a0 = left[k * ${TILE}u + 2u * local.y];
      let a1 = left[k * ${TILE}u + 2u * local.y + 1u];
      let b0 = right[k * ${TILE}u + local.x];
      let b1 = right[k * ${TILE}u + local.x + ${TILE / 2}u];
      sum00 += a0 * b0; sum01 += a0 * b1; sum10 += a1 * b0; sum11 += a1 * b1;
    }
    workgroupBarrier();
  }
  let base = group.y * ${network.gradients}u + gradient;
  let o = o0 + 2u * local.y;
  let i = i0 + local.x;
  ${[0, 1]
    .flatMap((r) =>
      [0, 1].map(
        (c) =>
          `if (o + ${r}u < out && i + ${c * (TILE / 2)}u < width) { partial[base + (o + ${r}u) * width + i + ${c * (TILE / 2)}u] = sum${r}${c}; }`,
      ),
    )
    .join('\n  ')}
}`,
  };
}

/** Adds up the parts of one layer's gradients and gives each tensor its own: with G and g the sums for weight and bias before the gates,
 * scale · G, scale · g, W · G + bias · g by rows, and g.
 */
export function finishProgram(has: Layer['has']): Program {
  return {
    key: `dualMlpFinish ${gateNames(has).join(' ')}`,
    reads: [{ name: 'network', type: 'vec4<f32>' }, { name: 'partial' }],
    writes: ['weight', ...gateNames(has)].map((name) => ({ name })),
    uniforms: counts('size', 'inputs', 'outputs', 'transposedAt', 'gatesAt', 'gradientAt', 'stride', 'rowParts'),
    source: () => `
fn total(index : u32) -> f32 {
  var sum = 0.0;
  for (var part = 0u; part < uniforms.rowParts; part++) {
    sum += partial[part * uniforms.stride + uniforms.gradientAt + index];
  }
  return sum;
}
fn element(index : u32) {
  let inputs = uniforms.inputs;
  let o = index / (inputs + 1u);
  let i = index % (inputs + 1u);
  if (o < uniforms.outputs) {
    let sum = total(index);
    let gates = network[uniforms.gatesAt + o];
    if (i < inputs) { weight[o * inputs + i] = sum * gates.y; }
    ${has.bias ? 'if (i == inputs) { bias[o] = sum * gates.y; }' : ''}
    ${has.shift ? 'if (i == inputs) { shift[o] = sum; }' : ''}
  }
  ${
    has.scale
      ? `else {
    let row = index - uniforms.outputs * (inputs + 1u);
    let first = row * (inputs + 1u);
    var sum = network[uniforms.gatesAt + row].x * total(first + inputs);
    for (var k = 0u; k < inputs; k++) {
      sum += network[uniforms.transposedAt + (row / 4u) * inputs + k][row % 4u] * total(first + k);
    }
    scale[row] = sum;
  }`
      : ''
  }
}
${elementwiseMain()}`,
  };
}

/** Invocations that `finishProgram` takes. */
export function finishSize({ into, out, has }: Layer): number {
  return out * (into + 1) + (has.scale ? out : 0);
}
