import { describe, expect, it } from 'vitest';
import { add, mapTree, matMul, mul, scope, tanh, type Tensor, type Tree } from '@sparseflow/tensor';
import { at, backend, read } from '../test/problems.ts';
import { solveJvp, solveVjp, solvers, type Solver } from './index.ts';

const field = (t: number, y: Tensor, p: { w: Tensor; b: Tensor }): Tensor =>
  scope(() => tanh(add(matMul(y, p.w), mul(p.b, Math.sin(t)))));
const values = { w: [[0.5, -1], [1.2, 0.1]], b: [0.3, -0.2] }; // prettier-ignore

describe('solveJvp', () => {
  it.each(Object.values(solvers as Readonly<Record<string, Solver>>))(
    'is the transpose of the pullback: $name',
    async (solver) => {
      const y0 = at([[0.2, -0.4], [1, 0.5]]); // prettier-ignore
      const params = { w: at(values.w), b: at(values.b) };
      const direction = { y0: at([[1, 0.5], [-0.3, 2]]), params: { w: at([[0.1, 1], [-1, 0.2]]), b: at([0.4, 0.6]) } }; // prettier-ignore
      const ct = at([[1, -2], [0.5, 0.3]]); // prettier-ignore
      const options = { t0: 0, t1: 1.3, solver, ...(solver.error ? { rtol: 1e-4, atol: 1e-4 } : { steps: 4 }) };
      const before = backend.liveBuffers();
      const { solution, tangent } = await solveJvp(field, y0, params, direction, options);
      const { pullback, solution: other } = await solveVjp(field, y0, params, options);
      expect(read(solution.y1)).toEqual(read(other.y1));
      const g = await pullback(ct);
      const inner = (a: Tree, b: Tree): number => {
        const flat = (tree: Tree): number[] => {
          const all: number[] = [];
          mapTree(tree, (leaf) => (all.push(...read(leaf)), leaf));
          return all;
        };
        const y = flat(b);
        return flat(a).reduce((s, v, i) => s + v * y[i]!, 0);
      };
      const forward = inner(ct, tangent);
      expect(Math.abs(forward - inner([g.y0, g.params], [direction.y0, direction.params]))).toBeLessThan(
        1e-12 * (1 + Math.abs(forward)),
      );
      solution.dispose();
      tangent.dispose();
      expect(backend.liveBuffers()).toBeGreaterThan(before);
    },
  );

  it('leaves nothing behind, also when the direction does not fit', async () => {
    const y0 = at([[1, 2]]);
    const params = { w: at(values.w), b: at(values.b) };
    const before = backend.liveBuffers();
    await expect(solveJvp(field, y0, params, { y0: params.b, params }, { t0: 0, t1: 1 })).rejects.toThrow(/direction/);
    expect(backend.liveBuffers()).toBe(before);
    const { solution, tangent } = await solveJvp(field, y0, params, { y0, params }, { t0: 0, t1: 1 });
    expect(backend.liveBuffers()).toBe(before + 2);
    solution.dispose();
    tangent.dispose();
    expect(backend.liveBuffers()).toBe(before);
  });
});
