import { disposeTree, randomNormal, tensor } from '@sparseflow/tensor';
import type { VectorFieldDrawing } from '../../analysis.ts';
import { gridCentres } from '../evaluate.ts';
import type { Findings, Subject } from './analyse.ts';

/**
 * The field of a flow over the plane, which without time in it is one picture, and the ways of samples from noise (t = 1) to data
 * (t = 0). Numbers: how fast the field is and how long and how straight the ways are.
 */
export async function vectorField(
  { flow, params, key, backend, extent, step, signal }: Subject,
  { grid, trajectories, times }: VectorFieldDrawing,
): Promise<Findings> {
  step(0, 2);
  const points = tensor(gridCentres(grid, extent), { backend, shape: [grid * grid, 2] });
  const field = flow.field.apply(params, 0, points);
  const velocities = Float32Array.from(await field.data());
  disposeTree([points, field]);

  step(1, 2);
  const noise = randomNormal(key, [trajectories, 2], { backend });
  const falling = Array.from({ length: times }, (_, i) => 1 - i / (times - 1));
  const states = await flow.trajectory(params, noise, falling, { signal }).finally(() => noise.dispose());
  const ways = new Float32Array(trajectories * times * 2);
  for (const [k, state] of states.entries()) {
    const values = await state.data();
    for (let i = 0; i < trajectories; i++) ways.set(values.subarray(2 * i, 2 * i + 2), (i * times + k) * 2);
  }
  disposeTree(states);

  const at = (i: number, k: number): readonly [number, number] => {
    const start = (i * times + k) * 2;
    return [ways[start]!, ways[start + 1]!];
  };
  const distance = ([a, b]: readonly [number, number], [c, d]: readonly [number, number]): number =>
    Math.hypot(a - c, b - d);
  const each = Array.from({ length: trajectories }, (_, i) => {
    let length = 0;
    for (let k = 1; k < times; k++) length += distance(at(i, k), at(i, k - 1));
    return { length, direct: distance(at(i, 0), at(i, times - 1)) };
  });
  const speeds = Array.from({ length: grid * grid }, (_, i) => Math.hypot(velocities[2 * i]!, velocities[2 * i + 1]!));
  const exactly = (value: number) => ({ value, standardError: null });
  const sum = (values: readonly number[]): number => values.reduce((total, x) => total + x, 0);
  return {
    quantities: {
      speed: exactly(Math.sqrt(sum(speeds.map((speed) => speed ** 2)) / speeds.length)),
      length: exactly(sum(each.map(({ length }) => length)) / trajectories),
      detour: exactly(sum(each.map(({ length }) => length)) / sum(each.map(({ direct }) => direct))),
    },
    artefact: {
      extent,
      arrays: {
        velocities: { shape: [grid, grid, 2], values: velocities },
        trajectories: { shape: [trajectories, times, 2], values: ways },
      },
    },
  };
}
