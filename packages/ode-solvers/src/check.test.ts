import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { neg, type Tensor } from '@sparseflow/tensor';
import { at, backend } from '../test/problems.ts';
import * as ode from './index.ts';
import * as plain from './plain.ts';
import { SOLVE_RULES } from './solve.ts';

// What JavaScript lets through, at every entry point: each mistake is an error that says what, where and what to do.
const field = (_t: number, y: Tensor): Tensor => neg(y);
const y0 = at([[1], [2]]);
const interval = { t0: 0, t1: 1 };
const { solve, solveVjp, solveJvp, solveAdams, solveStiff, solveBatch, solveReversible } = ode as unknown as Record<
  string,
  (...given: unknown[]) => Promise<unknown>
>;
const { checkAdjoint, replay } = ode as unknown as Record<string, (...given: unknown[]) => unknown>;
const direction = { y0, params: {} };

/** By name, a call with a field, a state and options. */
const entries: Readonly<Record<string, (f: unknown, y: unknown, options: unknown) => unknown>> = {
  solve: (f, y, options) => solve!(f, y, {}, options),
  solveVjp: (f, y, options) => solveVjp!(f, y, {}, options),
  solveJvp: (f, y, options) => solveJvp!(f, y, {}, direction, options),
  solveAdams: (f, y, options) => solveAdams!(f, y, {}, options),
  solveStiff: (f, y, options) => solveStiff!(f, y, {}, options),
  solveBatch: (f, y, options) => solveBatch!(f, y, {}, options),
  solveReversible: (f, y, options) => solveReversible!(f, y, {}, options && { steps: 3, ...options }),
  checkAdjoint: (f, y, options) => checkAdjoint!(f, y, {}, y0, options),
  'solve of plain arrays': (f, y, options) =>
    plain.solve(f as never, (y === y0 ? [1, 2] : y) as never, options as never),
};

/** The error of a call, which is one of ours, and leaves nothing behind. */
async function errorOf(call: () => unknown): Promise<Error> {
  const before = backend.liveBuffers();
  let error: unknown;
  try {
    await call();
  } catch (caught) {
    error = caught;
  }
  expect(error).toHaveProperty('code');
  expect(error).toHaveProperty('remedy');
  expect(backend.liveBuffers()).toBe(before);
  return error as Error;
}

describe.each(Object.entries(entries))('%s', (name, call) => {
  const good = name.includes('plain') ? (_t: number, y: Float64Array): Float64Array => y.map((v) => -v) : field;

  it('says that the options are missing', async () => {
    for (const options of [undefined, null, {}])
      expect((await errorOf(() => call(good, y0, options))).message).toMatch(
        /from undefined to undefined|t0 is undefined/,
      );
  });

  it('says that an option does not exist', async () => {
    const { message } = await errorOf(() => call(good, y0, { ...interval, tolerence: 1e-6 }));
    expect(message).toMatch(/there is no option tolerence. To fix: choose from/);
  });

  it('says that the field is no function', async () => {
    for (const wrong of [y0, 'y', undefined])
      expect((await errorOf(() => call(wrong, field, interval))).message).toMatch(/f is .*. To fix: give a function/s);
  });

  it('says that the state is no tensor, or array', async () => {
    for (const state of ['1', 7, undefined, null, [y0, '1'], { a: y0, b: 2 }]) {
      // An array of anything that counts is an array of numbers.
      if (name.includes('plain') && Array.isArray(state)) continue;
      const { message } = await errorOf(() => call(good, state, interval));
      expect(message).toMatch(name.includes('plain') ? /y0 is .*an array of numbers/ : /is not a tensor/);
    }
  });
});

describe('the table of options in the README', () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const [head, , ...rows] = /^\| option .*?\n\n/ms
    .exec(readme)![0]
    .trim()
    .split('\n')
    .map((line) => line.split('|').slice(1, -1));
  const namesIn = (cell: string): string[] => Array.from(cell.matchAll(/`(.*?)`/g), ([, name]) => name!);
  const columns = head!.slice(1).map((cell) => (cell.includes('plain') ? ['solve of plain arrays'] : namesIn(cell)));

  it('has all options but the times, and all ways to solve', () => {
    const listed = rows.flatMap(([option]) => namesIn(option!));
    expect(new Set([...listed, 't0', 't1'])).toEqual(new Set([...Object.keys(SOLVE_RULES), 'method']));
    expect([...columns.flat(), 'checkAdjoint'].sort()).toEqual(Object.keys(entries).sort());
  });

  it.each(rows.map(([option, ...cells]) => [option!.trim(), cells] as const))('%s', async (option, cells) => {
    for (const name of namesIn(option))
      for (const [i, way] of columns.flatMap((ways, i) => ways.map((way) => [i, way] as const))) {
        // No option can be NaN: where there is one, that is what is wrong.
        const { message } = await errorOf(() =>
          entries[way]!(way.includes('plain') ? () => [0, 0] : field, y0, { ...interval, [name]: NaN }),
        );
        const said = cells[i]!.trim() === '-' ? `there is no option ${name}` : `${name} is NaN`;
        expect(message, `${way}: ${name}`).toContain(said);
      }
  });
});

it.each([
  [{ signal: new AbortController() }, 'signal is [object AbortController]. To fix: give an AbortSignal'],
  [{ norm: 'max' }, 'norm is max. To fix: give rms or mixed'],
  [{ adjoint: 'backsolve' }, 'there is no option adjoint'],
  [{ rtol: 'tight' }, 'rtol is tight'],
  [{ rtol: [null] }, 'rtol does not fit'],
])('solve refuses %j', async (wrong, said) => {
  expect((await errorOf(() => entries['solve']!(field, y0, { ...interval, ...wrong }))).message).toContain(said);
});

it.each([
  ['solveVjp', { adjoint: 'backsolve' }, 'adjoint is backsolve. To fix: give an adjoint such as checkpoint()'],
  ['solveVjp', { adjoint: ode.backsolve }, 'give an adjoint such as checkpoint()'],
  ['solveVjp', { adjoint: null }, 'adjoint is null'],
  ['checkAdjoint', { adjoints: [] }, 'give a list of adjoints'],
  ['checkAdjoint', { adjoints: ode.direct() }, 'give a list of adjoints'],
  ['checkAdjoint', { adjoints: ['direct'] }, 'adjoints is direct'],
  ['checkAdjoint', { within: '1e-5' }, 'within is 1e-5'],
  ['solveAdams', { method: 'explict' }, 'method is explict. To fix: give implicit or explicit'],
  ['solveAdams', { maxOrder: '5' }, 'maxOrder is 5'],
  ['solveAdams', { solver: ode.dopri5 }, 'there is no option solver'],
  ['solveAdams', { rtol: 'tight' }, 'rtol is tight'],
  ['solveStiff', { method: 'kvaerno4' }, 'method is kvaerno4. To fix: give an implicit method'],
  ['solveStiff', { method: ode.dopri5 }, 'give an implicit method'],
  ['solveStiff', { controller: 'PIP' }, 'controller is PIP'],
  ['solveBatch', { t1: [1] }, 't1 has 1 entries for 2 rows'],
  ['solveBatch', { t1: [1, '2'] }, 't1 is 1,2'],
  ['solveBatch', { solver: 'dopri5' }, 'solver is dopri5'],
  ['solveReversible', { method: 'alf' }, 'method is alf. To fix: give a method such as reversibleHeun'],
  ['solveReversible', { steps: 2.5 }, '2.5 steps from 0 to 1 cannot be taken'],
  ['solve of plain arrays', { signal: AbortSignal.abort() }, 'there is no option signal'],
  ['solve of plain arrays', { rtol: 'tight' }, 'rtol is tight'],
])('%s refuses %o', async (name, wrong, said) => {
  const f = name.includes('plain') ? () => [0, 0] : field;
  expect((await errorOf(() => entries[name]!(f, y0, { ...interval, ...wrong }))).message).toContain(said);
});

it('adjoints refuse options of their own', async () => {
  const { checkpoint, backsolve, interpolated } = ode as unknown as Record<string, (options: object) => unknown>;
  for (const [call, said] of [
    [() => checkpoint!({ memory: 'sqr' }), 'checkpoint: memory is sqr. To fix: give steps or sqrt'],
    [() => backsolve!({ seminrom: true }), 'backsolve: there is no option seminrom'],
    [() => interpolated!({ rtol: '1e-6' }), 'interpolated: rtol is 1e-6'],
  ] as const)
    expect((await errorOf(call)).message).toContain(said);
});

it('replay refuses a grid and a solver that are none', async () => {
  for (const [wrong, said] of [
    [[field, y0, {}], 'replay: grid is undefined'],
    [[field, y0, {}, [], { solver: 'rk4' }], 'replay: solver is rk4'],
    [[y0, field, {}, []], 'replay: f is'],
    [[field, 'y0', {}, []], 'y is not a tensor'],
  ] as const)
    expect((await errorOf(() => replay!(...wrong))).message).toContain(said);
});
