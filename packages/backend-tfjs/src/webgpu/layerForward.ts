import { activationSource } from './activations.ts';
import { range } from './dualForward.ts';
import { finishParameters, layerGroups, productSource } from './layerProduct.ts';
import type { Network, Tiling } from './network.ts';
import { counts, type Dispatch, type Program } from './queue.ts';

/** One layer of the forward dual pass of a network that is too wide for one workgroup. Kept is the same as by `forwardProgram`. */
export function layerForward(
  network: Network,
  l: number,
  tiling: Tiling,
  [batch, count]: readonly [number, number],
): Pick<Dispatch, 'program' | 'uniforms' | 'groups'> {
  const { into, out, weight, gates, column } = network.layers[l]!;
  const below = network.layers[l - 1]?.column ?? 0;
  return {
    program: forwardOf(network, l, tiling),
    uniforms: [batch, count, into, out, weight, gates, below, column, network.columns],
    groups: layerGroups(tiling, out),
  };
}

function forwardOf(network: Network, l: number, tiling: Tiling): Program {
  const { tangents } = tiling;
  const isFirst = l === 0;
  const isLast = l === network.layers.length - 1;
  const hasTangents = tangents > 0;
  return {
    key: `dualMlpLayer ${tangents} ${isFirst} ${isLast} ${network.activation}`,
    reads: [
      { name: 'network', type: 'vec4<f32>' },
      ...(isFirst ? [{ name: 'x' }, ...(hasTangents ? [{ name: 'dx' }] : [])] : []),
    ],
    writes: [
      ...(isLast ? [{ name: 'value' }, ...(hasTangents ? [{ name: 'tangent' }] : [])] : []),
      ...(isFirst && isLast ? [] : [{ name: 'kept' }]),
    ],
    uniforms: counts('batch', 'count', 'inner', 'columns', 'matrixAt', 'gatesAt', 'belowAt', 'keptAt', 'keptColumns'),
    source: () => `
${activationSource(network.activation)!.source}
fn entry(part : u32, n : u32, t : u32, i : u32) -> f32 {
  let row = t * uniforms.batch + n;
  ${
    isFirst
      ? `if (t == 0u) { return x[n * uniforms.inner + i]; }
  ${hasTangents ? 'return dx[(row - uniforms.batch) * uniforms.inner + i];' : 'return 0.0;'}`
      : 'return kept[(1u + uniforms.count) * uniforms.batch * uniforms.belowAt + row * uniforms.inner + i];'
  }
}
fn finish(${finishParameters(tiling)}) {
  if (n >= uniforms.batch || column >= uniforms.columns) { return; }
  let gates = network[uniforms.gatesAt + column];
  let u = (sum0 + gates.x) * gates.y + gates.z;
  let firstTangent = part * ${tangents}u;
  ${isLast ? lastSource(tangents) : hiddenSource(tangents)}
}
${productSource(tiling)}`,
  };
}

function lastSource(tangents: number): string {
  return `if (part == 0u) { value[n * uniforms.columns + column] = u; }
  ${range(tangents)
    .map(
      (k) => `if (firstTangent + ${k}u < uniforms.count) {
    tangent[((firstTangent + ${k}u) * uniforms.batch + n) * uniforms.columns + column] = sum${k + 1} * gates.y;
  }`,
    )
    .join('\n  ')}`;
}

function hiddenSource(tangents: number): string {
  return `let allRows = (1u + uniforms.count) * uniforms.batch;
  let behind = allRows * uniforms.keptAt + column;
  let before = allRows * uniforms.keptColumns + behind;
  let h = act(u);
  let d = slope(u, h);
  if (part == 0u) {
    kept[behind + n * uniforms.columns] = h;
    kept[before + n * uniforms.columns] = u;
  }
  ${range(tangents)
    .map(
      (k) => `if (firstTangent + ${k}u < uniforms.count) {
    let at = ((1u + firstTangent + ${k}u) * uniforms.batch + n) * uniforms.columns;
    let du = sum${k + 1} * gates.y;
    kept[behind + at] = d * du;
    kept[before + at] = du;
  }`,
    )
    .join('\n  ')}`;
}
