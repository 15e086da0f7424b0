import { describe, expect, it } from 'vitest';
import { measure, measureInTurn } from './measure.ts';

describe('measure', () => {
  it('gives the median of what a call takes, which one slow call does not move', async () => {
    let calls = 0;
    const wait = (ms: number): void => {
      const end = performance.now() + ms;
      while (performance.now() < end);
    };
    const { ms, spread } = await measure(() => wait(++calls === 9 ? 60 : 2), { budget: 60 });
    expect(ms).toBeGreaterThanOrEqual(2);
    expect(ms).toBeLessThan(30);
    expect(spread).toBeGreaterThanOrEqual(0);
  });

  it('waits for calls that take their time', async () => {
    const { ms, calls } = await measure(() => new Promise((resolve) => setTimeout(resolve, 8)), {
      budget: 1,
      least: 3,
    });
    expect(ms).toBeGreaterThan(5);
    expect(calls).toBe(3);
  });

  it('takes calls in turn', async () => {
    const order: string[] = [];
    const timings = await measureInTurn([() => order.push('a'), () => order.push('b')], { budget: 0, least: 3 });
    // Once to warm up.
    expect(order.join('')).toBe('abababab');
    expect(timings.map(({ calls }) => calls)).toEqual([3, 3]);
  });
});
