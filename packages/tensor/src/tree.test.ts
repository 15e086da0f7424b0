import { describe, expect, it } from 'vitest';
import { disposeTree, flattenTree, keep, mapTree, mul, scope, tensor, type Tensor } from './index.ts';
import { createReferenceBackend } from './reference/index.ts';

const backend = createReferenceBackend();
const at = (value: number): Tensor => tensor(value, { backend });

describe('trees', () => {
  it('flatten in order and map without changing the structure', () => {
    const tree = { b: [at(1), { c: at(2) }], a: at(3) };
    expect(flattenTree(tree).map((x) => x.dataSync()[0])).toEqual([1, 2, 3]);
    const doubled = mapTree(tree, (x) => mul(x, 2));
    expect(doubled.b[0]).not.toBe(tree.b[0]);
    expect(flattenTree(doubled).map((x) => x.dataSync()[0])).toEqual([2, 4, 6]);
    disposeTree(tree);
    expect(tree.a.isDisposed).toBe(true);
  });
});

describe('scope', () => {
  it('keeps what is returned at any depth, frees the rest, and nests', () => {
    const before = backend.liveBuffers();
    const result = scope(() => {
      const inner = scope(() => ({ x: at(1), junk: at(2).shape }));
      at(3);
      return [{ deep: inner.x }, 7] as const;
    });
    expect(backend.liveBuffers() - before).toBe(1);
    expect(result[0].deep.dataSync()).toEqual(new Float64Array([1]));
  });

  it('frees on throw, but never what is kept', () => {
    const before = backend.liveBuffers();
    let kept: Tensor | undefined;
    expect(() =>
      scope(() => {
        kept = keep(at(1));
        at(2);
        throw new Error('stop');
      }),
    ).toThrow('stop');
    expect(backend.liveBuffers() - before).toBe(1);
    kept!.dispose();
    expect(backend.liveBuffers()).toBe(before);
  });
});
