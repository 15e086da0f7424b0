import { activationSource } from './activations.ts';
import { range } from './dualForward.ts';
import { finishParameters, layerGroups, productSource } from './layerProduct.ts';
import type { Network, Tiling } from './network.ts';
import { counts, type Dispatch, type Program } from './queue.ts';

/** From the cotangents of one layer's output to those of its input, in a network that is too wide for one workgroup; see `reverseProgram`. */
export function layerReverse(
  network: Network,
  l: number,
  tiling: Tiling,
  [batch, count]: readonly [number, number],
): Pick<Dispatch, 'program' | 'uniforms' | 'groups'> {
  const { into, out, transposed, gates, column } = network.layers[l]!;
  const below = network.layers[l - 1]?.column ?? 0;
  return {
    program: reverseOf(network, l, tiling),
    uniforms: [batch, count, tiling.groups[1], out, into, transposed, gates, column, below, network.columns],
    groups: layerGroups(tiling, into),
  };
}

function reverseOf(network: Network, l: number, tiling: Tiling): Program {
  const { tangents } = tiling;
  const isFirst = l === 0;
  const isLast = l === network.layers.length - 1;
  const hasTangents = tangents > 0;
  const activation = activationSource(network.activation)!;
  return {
    key: `dualMlpLayerReverse ${tangents} ${isFirst} ${isLast} ${network.activation}`,
    reads: [
      { name: 'network', type: 'vec4<f32>' },
      ...(isLast ? [{ name: 'ct' }, ...(hasTangents ? [{ name: 'dct' }] : [])] : []),
      ...(isFirst ? [] : [{ name: 'kept' }]),
    ],
    writes: [
      ...(isFirst ? [{ name: 'gx' }, ...(hasTangents ? [{ name: 'gdx' }] : [])] : []),
      ...(isFirst && isLast ? [] : [{ name: 'cotangents' }]),
    ],
    uniforms: counts(
      'batch',
      'count',
      'parts',
      'inner',
      'columns',
      'matrixAt',
      'gatesAt',
      'columnAt',
      'belowAt',
      'keptColumns',
    ),
    source: () => `
${activation.source}
fn entry(part : u32, n : u32, t : u32, i : u32) -> f32 {
  let scale = network[uniforms.gatesAt + i].y;
  ${
    isLast
      ? `if (t == 0u) {
    // What a value does itself is the first part's to carry back.
    if (part > 0u) { return 0.0; }
    return ct[n * uniforms.inner + i] * scale;
  }
  ${hasTangents ? 'return dct[((t - 1u) * uniforms.batch + n) * uniforms.inner + i] * scale;' : 'return 0.0;'}`
      : `let row = select(part, uniforms.parts + t - 1u, t > 0u) * uniforms.batch + n;
  return cotangents[(uniforms.parts + uniforms.count) * uniforms.batch * uniforms.columnAt + row * uniforms.inner + i] * scale;`
  }
}
fn finish(${finishParameters(tiling)}) {
  if (n >= uniforms.batch || column >= uniforms.columns) { return; }
  let firstTangent = part * ${tangents}u;
  ${isFirst ? inputSource(tangents) : hiddenSource(tangents, activation.isCurved)}
}
${productSource(tiling)}`,
  };
}

const isThere = (k: number): string => `firstTangent + ${k}u < uniforms.count`;

function inputSource(tangents: number): string {
  return `gx[(part * uniforms.batch + n) * uniforms.columns + column] = sum0;
  ${range(tangents)
    .map(
      (k) => `if (${isThere(k)}) {
    gdx[((firstTangent + ${k}u) * uniforms.batch + n) * uniforms.columns + column] = sum${k + 1};
  }`,
    )
    .join('\n  ')}`;
}

function hiddenSource(tangents: number, isCurved: boolean): string {
  return `let behind = (1u + uniforms.count) * uniforms.batch * uniforms.belowAt + column;
  let before = (1u + uniforms.count) * uniforms.batch * uniforms.keptColumns + behind;
  let to = (uniforms.parts + uniforms.count) * uniforms.batch * uniforms.belowAt + column;
  let h = kept[behind + n * uniforms.columns];
  let u = kept[before + n * uniforms.columns];
  let d = slope(u, h);
  var cu = d * sum0;
  ${
    isCurved && tangents > 0
      ? `var bend = 0.0;
  ${range(tangents)
    .map(
      (k) => `if (${isThere(k)}) {
    bend += sum${k + 1} * kept[before + ((1u + firstTangent + ${k}u) * uniforms.batch + n) * uniforms.columns];
  }`,
    )
    .join('\n  ')}
  cu += curvature(u, h, d) * bend;`
      : ''
  }
  cotangents[to + (part * uniforms.batch + n) * uniforms.columns] = cu;
  ${range(tangents)
    .map(
      (k) => `if (${isThere(k)}) {
    cotangents[to + ((uniforms.parts + firstTangent + ${k}u) * uniforms.batch + n) * uniforms.columns] = d * sum${k + 1};
  }`,
    )
    .join('\n  ')}`;
}
