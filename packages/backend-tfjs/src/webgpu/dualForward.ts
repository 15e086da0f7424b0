import { activationSource } from './activations.ts';
import { quads, shareOf, type Layer, type Network, type WholeTiling } from './network.ts';
import { counts, type Program } from './queue.ts';

/**
 * The forward dual pass of a tile of samples in one workgroup, whose activations stay in workgroup memory from layer to layer. Row
 * (1 + tangents) · s + j of the tile is sample s: its value for j = 0, then its tangents. One invocation computes a column of a layer
 * for some samples: value and tangents together, so that it has what the activation's derivative needs.
 *
 * Kept, if asked: for each hidden layer [row, column] of the outputs behind the activation, then the same of those before it.
 */
export function forwardProgram(network: Network, tiling: WholeTiling, kept: boolean): Program {
  const { layers } = network;
  const { samples, tangents, stride } = tiling;
  const rows = 1 + tangents;
  const { into } = layers[0]!;
  const padded = 4 * quads(into);
  return {
    key: `dualMlp ${kept} ${samples}x${tangents} ${network.key}`,
    reads: [{ name: 'network', type: 'vec4<f32>' }, { name: 'x' }, ...(tangents > 0 ? [{ name: 'dx' }] : [])],
    writes: [{ name: 'value' }, ...(tangents > 0 ? [{ name: 'tangent' }] : []), ...(kept ? [{ name: 'kept' }] : [])],
    uniforms: counts('batch', 'count'),
    source: () => `
${activationSource(network.activation)!.source}
var<workgroup> tile : array<f32, ${samples * rows * stride}>;

@compute @workgroup_size(${tiling.threads})
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(local_invocation_index) thread : u32) {
  let batch = uniforms.batch;
  let count = uniforms.count;
  let first = group.x * ${samples}u;
  let firstTangent = group.y * ${tangents}u;
  for (var k = thread; k < ${samples * rows * padded}u; k += ${tiling.threads}u) {
    let i = k % ${padded}u;
    let row = k / ${padded}u;
    let n = first + row / ${rows}u;
    let j = row % ${rows}u;
    var entry = 0.0;
    if (i < ${into}u && n < batch) {
      if (j == 0u) { entry = x[n * ${into}u + i]; }
      ${tangents > 0 ? `else if (firstTangent + j - 1u < count) { entry = dx[((firstTangent + j - 1u) * batch + n) * ${into}u + i]; }` : ''}
    }
    tile[row * ${stride}u + i] = entry;
  }
  workgroupBarrier();
${layers.map((layer, l) => layerSource(network, tiling, layer, l === layers.length - 1, kept)).join('\n')}
}`,
  };
}

function layerSource(network: Network, tiling: WholeTiling, layer: Layer, isLast: boolean, kept: boolean): string {
  const { samples, tangents, stride } = tiling;
  const rows = 1 + tangents;
  const { out } = layer;
  const { columns, share } = shareOf(out, tiling);
  const keep = kept && !isLast;
  const sums = sumsSource(`network[${layer.weight}u + q * ${out}u + column]`, quads(layer.into), share * rows, stride);
  const each = (s: number): string => {
    const at = (j: number): string => `tile[(firstRow + ${s * rows + j}u) * ${stride}u + column]`;
    const sum = (j: number): string => `sum${s * rows + j}`;
    const result = (j: number, name: string): string =>
      j === 0
        ? `value[n * ${out}u + column] = ${name};`
        : `if (firstTangent + ${j - 1}u < count) { tangent[((firstTangent + ${j - 1}u) * batch + n) * ${out}u + column] = ${name}; }`;
    const keeping = (j: number, after: string, before: string): string => {
      const row = j === 0 ? 'n' : `(1u + firstTangent + ${j - 1}u) * batch + n`;
      const guard = j === 0 ? 'group.y == 0u' : `firstTangent + ${j - 1}u < count`;
      return `if (n < batch && ${guard}) {
          let at = allRows * ${layer.column}u + (${row}) * ${out}u + column;
          kept[at] = ${after};
          kept[allRows * ${network.columns}u + at] = ${before};
        }`;
    };
    const sample = `let n = first + firstRow / ${rows}u + ${s}u;
      let u = (${sum(0)} + gates.x) * gates.y + gates.z;`;
    if (isLast) {
      return `{
      ${sample}
      if (n < batch) {
        ${result(0, 'u')}
        ${range(tangents)
          .map((j) => result(j + 1, `${sum(j + 1)} * gates.y`))
          .join('\n        ')}
      }
    }`;
    }
    return `{
      ${sample}
      let h = act(u);
      let d = slope(u, h);
      ${at(0)} = h;
      ${keep ? keeping(0, 'h', 'u') : ''}
      ${range(tangents)
        .map(
          (k) => `{
        let du = ${sum(k + 1)} * gates.y;
        let dh = d * du;
        ${at(k + 1)} = dh;
        ${keep ? keeping(k + 1, 'dh', 'du') : ''}
      }`,
        )
        .join('\n      ')}
    }`;
  };
  return `  {
    let column = thread % ${columns}u;
    let firstRow = (thread / ${columns}u) * ${share * rows}u;
    let works = firstRow < ${samples * rows}u && column < ${out}u;
    let allRows = (1u + count) * batch;
    ${sums}
    workgroupBarrier();
    if (works) {
    let gates = network[${layer.gates}u + column];
    ${range(share).map(each).join('\n    ')}
    } else if (firstRow < ${samples * rows}u) {
      // What fills up the last vec4: the weights there are 0, and what a wider layer left could be infinite.
      ${
        isLast
          ? ''
          : range(share * rows)
              .map((r) => `tile[(firstRow + ${r}u) * ${stride}u + column] = 0.0;`)
              .join('\n      ')
      }
    }
    workgroupBarrier();
  }`;
}

/**
 * `sum0` … : one column's products with `rows` rows of the tile from firstRow on, a vec4 of weights at a time. Written out, because arrays
 * that are indexed by variables may end up in slow memory.
 */
export function sumsSource(weight: string, length: number, rows: number, stride: number): string {
  return `${range(rows)
    .map((r) => `var sum${r} = 0.0;`)
    .join(' ')}
    if (works) {
      for (var q = 0u; q < ${length}u; q++) {
        let w = ${weight};
        var at = firstRow * ${stride}u + 4u * q;
        ${range(rows)
          .map(
            (r) =>
              `sum${r} += dot(w, vec4<f32>(tile[at], tile[at + 1u], tile[at + 2u], tile[at + 3u])); at += ${stride}u;`,
          )
          .join('\n        ')}
      }
    }`;
}

export function range(n: number): number[] {
  return Array.from({ length: n }, (_, i) => i);
}
