import { describe, expect, it } from 'vitest';
import { at, problems, read } from '../test/problems.ts';
import { dopri5, dopri8, solve, tsit5, type Restart } from './index.ts';
import { solve as solvePlain, type PlainOptions } from './plain.ts';

const { plain: f, field } = problems['lotka_volterra']!;
const y0 = [1, 2];

describe('a solve that goes on from the end of another', () => {
  it.each([
    ['dopri5', { solver: dopri5 }],
    ['tsit5 with a PI controller', { solver: tsit5, controller: 'PI' }],
    ['dopri8 with a PID controller', { solver: dopri8, controller: 'PID' }],
    ['steps of a limited length', { maxStep: 0.07 }],
    ['a jump at the end of the first part', { jumpAt: [3] }],
  ] satisfies [string, Partial<PlainOptions>][])('reproduces the rest bit for bit: %s', (_name, given) => {
    const options = { t0: 0, rtol: 1e-6, atol: 1e-8, stepTo: [3], ...given };
    const whole = solvePlain(f, y0, { ...options, t1: 8, everyStep: true });
    const first = solvePlain(f, y0, { ...options, t1: 3 });
    const stepTo: number[] = [];
    const jumpAt = (given as PlainOptions).jumpAt;
    const rest = { ...options, stepTo, jumpAt, ...first.next, t1: 8 };
    const second = solvePlain(f, first.y1, { ...rest, everyStep: true });
    expect(first.stats.rejected + second.stats.rejected).toBe(whole.stats.rejected);
    expect([...first.grid, ...second.grid].map(({ dt }) => dt)).toEqual(whole.grid.map(({ dt }) => dt));
    expect(second.ys).toEqual(whole.ys.slice(-second.ys.length));
    expect(second.y1).toEqual(whole.y1);
  });

  it('reproduces it from where a solve gave up', () => {
    const options = { t0: 0, t1: 8, controller: 'PI' as const };
    const whole = solvePlain(f, y0, options);
    const first = solvePlain(f, y0, { ...options, maxSteps: 20, onFailure: 'return' });
    expect(first.status).toBe('failed');
    const second = solvePlain(f, first.y1, { ...options, ...first.next });
    expect(second.y1).toEqual(whole.y1);
    expect(first.stats.accepted + second.stats.accepted).toBe(whole.stats.accepted);
  });

  it('backwards in time, and with tensors', async () => {
    const part = { rtol: 1e-6, atol: 1e-8, stepTo: [2] };
    const whole = await solve(field, at(y0), {}, { ...part, t0: 4, t1: 0 });
    const first = await solve(field, at(y0), {}, { ...part, t0: 4, t1: 2 });
    const next: Restart = first.next;
    expect(next.t0).toBe(2);
    const second = await solve(field, first.y1, {}, { ...part, stepTo: [], ...next, t1: 0 });
    expect(read(second.y1)).toEqual(read(whole.y1));
    for (const solution of [whole, first, second]) solution.dispose();
  });
});
