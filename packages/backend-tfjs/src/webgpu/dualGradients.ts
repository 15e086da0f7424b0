import { range } from './dualForward.ts';
import type { Layer, Network } from './network.ts';
import { gateNames } from './pack.ts';
import { counts, elementwiseMain, type Program } from './queue.ts';

/** Rows that one workgroup adds up, in their order. */
export const ROWS_PER_PART = 256;

/** Rows that are in workgroup memory at a time. */
const DEPTH = 16;
const GRADIENT_THREADS = 64;
/** Each invocation makes 4 × 4 products. */
const EACH = range(4);

/** Outputs and inputs of a tile, 1024 products in all; layers with few of the one take more of the other. */
function tileOf({ into, out }: Layer): { readonly outputs: number; readonly inputs: number } {
  if (into <= 8) return { outputs: 128, inputs: 8 };
  return out <= 8 ? { outputs: 8, inputs: 128 } : { outputs: 32, inputs: 32 };
}

const across = (layer: Layer): number => Math.ceil(layer.into / tileOf(layer).inputs);
const tilesOf = (layer: Layer): number => Math.ceil(layer.out / tileOf(layer).outputs) * across(layer);

/** The tiles of all layers' gradients, one after the other. */
export function gradientTiles({ layers }: Network): number {
  return layers.reduce((n, layer) => n + tilesOf(layer), 0);
}

/**
 * All weights' gradients in one dispatch: for each layer the products of its outputs' cotangents with its inputs, of values and tangents
 * alike, summed over rows; and the sum of the values' cotangents as the column behind the last input, which is the bias's. Each workgroup
 * makes a tile of them for one part of the rows; `finishProgram` adds the parts up. Without atomics, the order of all sums is fixed.
 */
export function gradientsProgram(network: Network, hasTangents: boolean): Program {
  const { layers } = network;
  let firstTile = 0;
  const cases = layers.map((layer, l) => {
    const { into, out, column } = layer;
    const start = firstTile;
    firstTile += tilesOf(layer);
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
    return { layer, start, end: firstTile, tile: tileOf(layer), cotangent, feature };
  });
  const perLayer = (body: (c: (typeof cases)[number]) => string): string =>
    cases.map((c, l) => `if (layer == ${l}u) { ${body(c)} }`).join('\n    ');
  return {
    key: `dualMlpGradients ${hasTangents} ${network.key}`,
    reads: ['x', ...(hasTangents ? ['dx'] : []), 'ct', ...(hasTangents ? ['dct'] : []), 'kept', 'cotangents'].map(
      (name) => ({ name }),
    ),
    writes: [{ name: 'partial' }],
    uniforms: counts('batch', 'count', 'parts'),
    source: () => `
// Rows of cotangents, then the same rows of inputs.
var<workgroup> tile : array<f32, ${DEPTH * (128 + 8)}>;

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
    ${perLayer((c) => c.feature)}
  return 0.0;
}

@compute @workgroup_size(${GRADIENT_THREADS})
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(local_invocation_index) thread : u32) {
  var layer = 0u; var outputs = 0u; var inputs = 0u; var gradient = 0u;
  var high = 0u; var wide = 0u; var o0 = 0u; var i0 = 0u;
  ${cases
    .map(
      ({ layer, start, end, tile }, l) => `if (group.x >= ${start}u && group.x < ${end}u) {
    layer = ${l}u; outputs = ${layer.out}u; inputs = ${layer.into}u; gradient = ${layer.gradient}u;
    high = ${tile.outputs}u; wide = ${tile.inputs}u;
    o0 = ((group.x - ${start}u) / ${across(layer)}u) * ${tile.outputs}u;
    i0 = ((group.x - ${start}u) % ${across(layer)}u) * ${tile.inputs}u;
  }`,
    )
    .join('\n  ')}
  let x0 = thread % (wide / 4u);
  let y0 = 4u * (thread / (wide / 4u));
  let sumsBias = i0 == 0u && x0 == 0u;
  let values = uniforms.parts * uniforms.batch;
  let end = min((group.y + 1u) * ${ROWS_PER_PART}u, (uniforms.parts + uniforms.count) * uniforms.batch);
  ${EACH.map((r) => `var bias${r} = 0.0; ${EACH.map((c) => `var sum${r}${c} = 0.0;`).join(' ')}`).join('\n  ')}
  for (var row0 = group.y * ${ROWS_PER_PART}u; row0 < end; row0 += ${DEPTH}u) {
    for (var k = thread; k < ${DEPTH}u * high; k += ${GRADIENT_THREADS}u) {
      var a = 0.0;
      if (row0 + k / high < end && o0 + k % high < outputs) { a = cotangent(layer, row0 + k / high, o0 + k % high); }
      tile[k] = a;
    }
    for (var k = thread; k < ${DEPTH}u * wide; k += ${GRADIENT_THREADS}u) {
      var b = 0.0;
      if (row0 + k / wide < end && i0 + k % wide < inputs) { b = feature(layer, row0 + k / wide, i0 + k % wide); }
      tile[${DEPTH}u * high + k] = b;
    }
    workgroupBarrier();
    for (var k = 0u; k < ${DEPTH}u; k++) {
      ${EACH.map((r) => `let a${r} = tile[k * high + y0 + ${r}u];`).join(' ')}
      ${EACH.map((c) => `let b${c} = tile[${DEPTH}u * high + k * wide + x0 + ${c}u * (wide / 4u)];`).join(' ')}
      ${EACH.map((r) => EACH.map((c) => `sum${r}${c} += a${r} * b${c};`).join(' ')).join('\n      ')}
      if (sumsBias && row0 + k < values) { ${EACH.map((r) => `bias${r} += a${r};`).join(' ')} }
    }
    workgroupBarrier();
  }
  let base = group.y * ${network.gradients}u + gradient;
  ${EACH.map(
    (r) => `{
    let o = o0 + y0 + ${r}u;
    let first = base + o * (inputs + 1u);
    if (o < outputs) {
      ${EACH.map((c) => `if (i0 + x0 + ${c}u * (wide / 4u) < inputs) { partial[first + i0 + x0 + ${c}u * (wide / 4u)] = sum${r}${c}; }`).join('\n      ')}
      if (sumsBias) { partial[first + inputs] = bias${r}; }
    }
  }`,
  ).join('\n  ')}
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
