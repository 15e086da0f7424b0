import { activationSource } from './activations.ts';
import { range, sumsSource } from './dualForward.ts';
import { quads, shareOf, type Network, type WholeTiling } from './network.ts';
import { counts, type Program } from './queue.ts';

/**
 * The reverse pass over what a forward pass kept, tiled like it: the cotangents of x and dx, and those of every hidden layer's output
 * before its activation, from which gradients.ts makes the weights' gradients.
 *
 * Where a value has its tangents spread over several workgroups, each computes what its own tangents add to the value's cotangent,
 * the first also what the value itself does; all are kept, and gx has one part for each. The sum is the cotangent, since the pass is linear.
 *
 * Kept: for each hidden layer [row, column], the rows being `parts` times the values, then the tangents.
 */
export function reverseProgram(network: Network, tiling: WholeTiling): Program {
  const { layers } = network;
  const { samples, tangents, stride } = tiling;
  const rows = 1 + tangents;
  const last = layers.at(-1)!;
  const padded = 4 * quads(last.out);
  const activation = activationSource(network.activation)!;
  return {
    key: `dualMlpReverse ${samples}x${tangents} ${network.key}`,
    reads: [
      { name: 'network', type: 'vec4<f32>' },
      { name: 'ct' },
      ...(tangents > 0 ? [{ name: 'dct' }] : []),
      { name: 'kept' },
    ],
    writes: [{ name: 'gx' }, ...(tangents > 0 ? [{ name: 'gdx' }] : []), { name: 'cotangents' }],
    uniforms: counts('batch', 'count', 'parts'),
    source: () => `
${activation.source}
var<workgroup> tile : array<f32, ${samples * rows * stride}>;

@compute @workgroup_size(${tiling.threads})
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(local_invocation_index) thread : u32) {
  let batch = uniforms.batch;
  let count = uniforms.count;
  let parts = uniforms.parts;
  let first = group.x * ${samples}u;
  let firstTangent = group.y * ${tangents}u;
  for (var k = thread; k < ${samples * rows * padded}u; k += ${tiling.threads}u) {
    let o = k % ${padded}u;
    let row = k / ${padded}u;
    let n = first + row / ${rows}u;
    let j = row % ${rows}u;
    var entry = 0.0;
    if (o < ${last.out}u && n < batch) {
      let scale = network[${last.gates}u + o].y;
      if (j == 0u) {
        if (group.y == 0u) { entry = ct[n * ${last.out}u + o] * scale; }
      } ${
        tangents > 0
          ? `else if (firstTangent + j - 1u < count) {
        entry = dct[((firstTangent + j - 1u) * batch + n) * ${last.out}u + o] * scale;
      }`
          : ''
      }
    }
    tile[row * ${stride}u + o] = entry;
  }
  workgroupBarrier();
${range(layers.length)
  .reverse()
  .map((l) => layerSource(network, tiling, l, activation.isCurved))
  .join('\n')}
}`,
  };
}

/** From the cotangent of layer l's product to that of the layer below, or of the network's input. */
function layerSource(network: Network, tiling: WholeTiling, l: number, isCurved: boolean): string {
  const { samples, tangents, stride } = tiling;
  const rows = 1 + tangents;
  const { into, out, transposed } = network.layers[l]!;
  const { columns, share } = shareOf(into, tiling);
  const sum = (s: number, j: number): string => `sum${s * rows + j}`;
  const input = (s: number): string => `{
      let n = first + firstRow / ${rows}u + ${s}u;
      if (n < batch) {
        gx[(group.y * batch + n) * ${into}u + column] = ${sum(s, 0)};
        ${range(tangents)
          .map(
            (k) =>
              `if (firstTangent + ${k}u < count) { gdx[((firstTangent + ${k}u) * batch + n) * ${into}u + column] = ${sum(s, k + 1)}; }`,
          )
          .join('\n        ')}
      }
    }`;
  const hidden = (s: number): string => {
    const { column, gates } = network.layers[l - 1]!;
    const at = (j: number): string => `tile[(firstRow + ${s * rows + j}u) * ${stride}u + column]`;
    const there = (k: number): string => `n < batch && firstTangent + ${k}u < count`;
    return `{
      let n = first + firstRow / ${rows}u + ${s}u;
      let scale = network[${gates}u + column].y;
      let base = (1u + count) * batch * ${column}u;
      let before = (1u + count) * batch * ${network.columns}u + base;
      let keptAt = (parts + count) * batch * ${column}u;
      var cu = 0.0;
      var d = 0.0;
      if (n < batch) {
        let h = kept[base + n * ${into}u + column];
        let u = kept[before + n * ${into}u + column];
        d = slope(u, h);
        cu = d * ${sum(s, 0)};
        ${
          isCurved && tangents > 0
            ? `var bend = 0.0;
        ${range(tangents)
          .map(
            (k) =>
              `if (${there(k)}) { bend += ${sum(s, k + 1)} * kept[before + ((1u + firstTangent + ${k}u) * batch + n) * ${into}u + column]; }`,
          )
          .join('\n        ')}
        cu += curvature(u, h, d) * bend;`
            : ''
        }
        cotangents[keptAt + (group.y * batch + n) * ${into}u + column] = cu;
      }
      ${at(0)} = cu * scale;
      ${range(tangents)
        .map(
          (k) => `{
        let cdu = d * ${sum(s, k + 1)};
        if (${there(k)}) { cotangents[keptAt + ((parts + firstTangent + ${k}u) * batch + n) * ${into}u + column] = cdu; }
        ${at(k + 1)} = cdu * scale;
      }`,
        )
        .join('\n      ')}
    }`;
  };
  return `  {
    let column = thread % ${columns}u;
    let firstRow = (thread / ${columns}u) * ${share * rows}u;
    let works = firstRow < ${samples * rows}u && column < ${into}u;
    ${sumsSource(`network[${transposed}u + q * ${into}u + column]`, quads(out), share * rows, stride)}
    workgroupBarrier();
    if (works) {
    ${range(share)
      .map(l === 0 ? input : hidden)
      .join('\n    ')}
    } else if (firstRow < ${samples * rows}u) {
      ${
        l === 0
          ? ''
          : range(share * rows)
              .map((r) => `tile[(firstRow + ${r}u) * ${stride}u + column] = 0.0;`)
              .join('\n      ')
      }
    }
    workgroupBarrier();
  }`;
}
