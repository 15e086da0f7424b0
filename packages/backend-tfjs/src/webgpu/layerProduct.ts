import { range } from './dualForward.ts';
import type { Tiling } from './network.ts';

/** Rows and columns of a tile of a layer's product. Each of its 256 invocations makes 4 × 4 of the products. */
const SIDE = 64;
const THREADS = 256;
const EACH = range(4);

/** vec4s of the inner axis that are in workgroup memory at a time. */
const DEPTH = THREADS / SIDE;

/**
 * How a dual pass is cut where it goes layer by layer. Value and tangents of a sample are rows of one invocation, so that it has what the
 * activation's derivatives need; with more than three tangents the value is computed once for each three of them.
 */
export function layerTiling(batch: number, count: number): Tiling {
  const tangents = count > 1 ? 3 : count;
  const samples = SIDE / (1 + tangents);
  return { samples, tangents, groups: [Math.ceil(batch / samples), tangents === 0 ? 1 : Math.ceil(count / tangents)] };
}

/** Workgroups for a layer of so many columns: tiles of rows times tiles of columns, and parts of the tangents. */
export function layerGroups({ groups }: Tiling, columns: number): readonly [number, number] {
  return [groups[0] * Math.ceil(columns / SIDE), groups[1]];
}

/**
 * One layer's product: [rows, inner] times a packed matrix [inner / 4, columns] of vec4s that begins at `uniforms.matrixAt`. The program has
 * `entry(part, n, t, i)`, an element of the left side in sample n, of the value for t = 0 and of tangent t - 1 otherwise, which is only asked
 * for what is there; and `finish(n, part, column, sum0, …)`, which gets the sums of a sample's value and tangents, those of this part from
 * `part · tangents` on.
 */
export function productSource({ samples, tangents }: Tiling): string {
  const rows = 1 + tangents;
  const sums = (first: number, c: number): string =>
    range(rows)
      .map((j) => `sum${first + j}${c}`)
      .join(', ');
  return `
var<workgroup> left : array<vec4<f32>, ${SIDE * DEPTH}>;
var<workgroup> right : array<vec4<f32>, ${SIDE * DEPTH}>;

fn element(part : u32, n : u32, t : u32, i : u32) -> f32 {
  if (n >= uniforms.batch || t > uniforms.count || i >= uniforms.inner) { return 0.0; }
  return entry(part, n, t, i);
}

@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(local_invocation_index) thread : u32) {
  let across = (uniforms.columns + ${SIDE - 1}u) / ${SIDE}u;
  let first = (group.x / across) * ${samples}u;
  let column0 = (group.x % across) * ${SIDE}u;
  let inner = (uniforms.inner + 3u) / 4u;
  let loads = thread / ${DEPTH}u;
  let n = first + loads / ${rows}u;
  let j = loads % ${rows}u;
  let t = select(0u, group.y * ${tangents}u + j, j > 0u);
  let row0 = 4u * (thread / 16u);
  let near = thread % 16u;
  ${EACH.map((r) => EACH.map((c) => `var sum${r}${c} = 0.0;`).join(' ')).join('\n  ')}
  for (var q0 = 0u; q0 < inner; q0 += ${DEPTH}u) {
    let i = 4u * (q0 + thread % ${DEPTH}u);
    left[thread] = vec4<f32>(element(group.y, n, t, i), element(group.y, n, t, i + 1u), element(group.y, n, t, i + 2u), element(group.y, n, t, i + 3u));
    let q = q0 + thread / ${SIDE}u;
    let column = column0 + thread % ${SIDE}u;
    var weights = vec4<f32>();
    if (q < inner && column < uniforms.columns) { weights = network[uniforms.matrixAt + q * uniforms.columns + column]; }
    right[thread] = weights;
    workgroupBarrier();
    for (var k = 0u; k < ${DEPTH}u; k++) {
      ${EACH.map((r) => `let left${r} = left[(row0 + ${r}u) * ${DEPTH}u + k];`).join('\n      ')}
      ${EACH.map((c) => `let right${c} = right[k * ${SIDE}u + near + ${16 * c}u];`).join('\n      ')}
      ${EACH.map((r) => EACH.map((c) => `sum${r}${c} += dot(left${r}, right${c});`).join(' ')).join('\n      ')}
    }
    workgroupBarrier();
  }
  ${range(4 / rows)
    .flatMap((s) =>
      EACH.map(
        (c) => `finish(first + row0 / ${rows}u + ${s}u, group.y, column0 + near + ${16 * c}u, ${sums(s * rows, c)});`,
      ),
    )
    .join('\n  ')}
}`;
}

/** The parameters of `finish`. */
export function finishParameters({ tangents }: Tiling): string {
  const sums = range(1 + tangents).map((j) => `, sum${j} : f32`);
  return `n : u32, part : u32, column : u32${sums.join('')}`;
}
