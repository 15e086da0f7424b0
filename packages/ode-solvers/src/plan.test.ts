import { describe, expect, it } from 'vitest';
import { above, check, fromZero, oneOf } from './check.ts';
import type { StepOptions } from './options.ts';
import { makePlan } from './plan.ts';
import { dopri5 } from './solvers/dopri5.ts';
import { euler } from './solvers/euler.ts';
import { rk4 } from './solvers/rk4.ts';
import { kvaerno4 } from './stiff/kvaerno4.ts';

const plan = (options: Partial<StepOptions>) =>
  makePlan({ t0: 0, t1: 1, ...options }, (what, remedy) => new Error(`${what} | ${remedy}`));

describe('makePlan', () => {
  it('fills in the defaults', () => {
    expect(plan({})).toMatchObject({
      solver: dopri5,
      rtol: 1e-7,
      atol: 1e-9,
      maxSteps: 100_000,
      minStep: 0,
      maxStep: Infinity,
      safety: 0.9,
      minFactor: 0.2,
      maxFactor: 10,
      pid: undefined,
      times: [1],
      grid: undefined,
    });
  });

  it('makes fixed grids that end exactly at t1', () => {
    expect(plan({ solver: rk4, steps: 4 }).grid).toEqual([0, 0.25, 0.5, 0.75, 1]);
    expect(plan({ solver: rk4, stepSize: 0.3 }).grid).toEqual([0, 0.3, 0.6, 0.3 * 3, 1]);
    // 0.1 · 10 by addition is 0.9999999999999999, and the quotient rounds to more than 10 for other numbers.
    const tenths = plan({ solver: rk4, stepSize: 0.1 }).grid!;
    expect([tenths.length, tenths[10]]).toEqual([11, 1]);
    const thirds = plan({ solver: euler, t0: 5, t1: 0.3, steps: 7 }).grid!;
    expect([thirds.length, thirds[0], thirds[7]]).toEqual([8, 5, 0.3]);
    expect(plan({ solver: euler, t0: 2, t1: 1, stepSize: 0.5 }).grid).toEqual([2, 1.5, 1]);
    expect(plan({ steps: 2 }).grid).toEqual([0, 0.5, 1]);
    expect(plan({ solver: rk4, t1: 0, steps: 2 }).grid).toEqual([0]);
    // A step longer than the interval is one to its end, however much longer it is.
    for (const stepSize of [2, 1e12, 1e308]) expect(plan({ solver: rk4, stepSize }).grid).toEqual([0, 1]);
    expect(plan({ solver: rk4, t1: -1e-11, stepSize: 0.1 }).grid).toEqual([0, -1e-11]);
  });

  it('steps from output to output when a method has no error estimate and nothing else is said', () => {
    expect(plan({ solver: rk4, saveAt: [0, 0.2, 0.2, 1] }).grid).toEqual([0, 0.2, 1]);
  });

  it('takes a relative tolerance of 0, and an empty list of times as none', () => {
    expect(plan({ rtol: 0, atol: 1e-6 })).toMatchObject({ rtol: 0, atol: 1e-6 });
    expect(plan({ saveAt: [] })).toEqual(plan({}));
    expect(plan({ saveAt: [] }).times).toEqual([1]);
  });

  it('refuses what makes no sense', () => {
    const refused = (options: Partial<StepOptions>) => expect(() => plan(options));
    refused({ t1: Infinity }).toThrowErrorMatchingInlineSnapshot(`[Error: t1 is Infinity | give a finite number]`);
    refused({ rtol: -1 }).toThrowErrorMatchingInlineSnapshot(`[Error: rtol is -1 | give a number from 0]`);
    refused({ atol: 0 }).toThrowErrorMatchingInlineSnapshot(`[Error: atol is 0 | give a number above 0]`);
    refused({ rtol: NaN }).toThrow('rtol is NaN');
    refused({ rtol: 0, atol: 0 }).toThrow('atol is 0');
    refused({ minStep: 2, maxStep: 1 }).toThrowErrorMatchingInlineSnapshot(
      `[Error: minStep is 2, maxStep 1 | give a smaller minStep]`,
    );
    refused({ firstStep: 0 }).toThrowErrorMatchingInlineSnapshot(
      `[Error: firstStep is 0 | give a number above 0 and below Infinity]`,
    );
    refused({ maxSteps: 0 }).toThrowErrorMatchingInlineSnapshot(`[Error: maxSteps is 0 | give a number above 0]`);
    refused({ minFactor: 1.5 }).toThrowErrorMatchingInlineSnapshot(
      `[Error: minFactor is 1.5 | give a number above 0 and below 1]`,
    );
    refused({ saveAt: [0.5, 0.2] }).toThrowErrorMatchingInlineSnapshot(
      `[Error: saveAt[1] = 0.2 is not between 0.5 and t1 = 1 | give times in the direction of integration]`,
    );
    refused({ saveAt: [2] }).toThrowErrorMatchingInlineSnapshot(
      `[Error: saveAt[0] = 2 is not between 0 and t1 = 1 | give times in the direction of integration]`,
    );
    refused({ stepTo: [-1] }).toThrowErrorMatchingInlineSnapshot(
      `[Error: stepTo[0] = -1 is not between 0 and t1 = 1 | give times in the direction of integration]`,
    );
    refused({ t0: 1, t1: 0, saveAt: [0.2, 0.5] }).toThrow('saveAt[1] = 0.5');
    refused({ steps: 2, stepSize: 1 }).toThrowErrorMatchingInlineSnapshot(
      `[Error: steps and stepSize are both given | give one of them]`,
    );
    refused({ steps: 1.5 }).toThrowErrorMatchingInlineSnapshot(
      `[Error: 1.5 steps are asked for | give an integer up to maxSteps, 100000]`,
    );
    refused({ stepSize: -1 }).toThrowErrorMatchingInlineSnapshot(
      `[Error: stepSize is -1 | give a number above 0 and below Infinity]`,
    );
    refused({ stepSize: 1e-9 }).toThrowErrorMatchingInlineSnapshot(
      `[Error: 1000000000 steps are asked for | give an integer up to maxSteps, 100000]`,
    );
    refused({ solver: rk4 }).toThrowErrorMatchingInlineSnapshot(
      `[Error: rk4 has no error estimate | give steps or stepSize, or use dopri5]`,
    );
  });
});

describe('check', () => {
  const refuse = (what: string, remedy: string): Error => new Error(`${what} | ${remedy}`);

  it('fills in what is not given, or given as undefined', () => {
    const rules = { size: above(0, 3), kind: oneOf('a', 'b'), other: fromZero() };
    expect(check({ size: undefined }, rules, refuse)).toEqual({ size: 3, kind: 'a', other: undefined });
    expect(check({ size: 4, kind: 'b', other: 0 }, rules, refuse)).toEqual({ size: 4, kind: 'b', other: 0 });
  });

  // From JavaScript, where no type says no.
  it.each([
    [{ controller: 'PDI' }, 'controller is PDI | give I, PI, PID or numbers { p, i, d }'],
    [{ controller: { type: 'PI' } }, 'controller is [object Object] | give I, PI, PID'],
    [{ controller: { p: 1, i: '2', d: 3 } }, 'controller is'],
    [{ controller: null }, 'controller is null'],
    [{ solver: 'dopri5' }, 'solver is dopri5 | give a solver such as dopri5, not its name'],
    [{ solver: null }, 'solver is null'],
    [{ solver: kvaerno4 }, 'solver is [object Object]'],
    [{ rtol: '1e-6' }, 'rtol is 1e-6 | give a number from 0'],
    [{ t0: '0' }, 't0 is 0 | give a finite number'],
    [{ t0: -1e308, t1: 1e308 }, 't0 is -1e+308 | give a finite number'],
    [{ steps: '5' }, 'steps is 5 | give a number above 0'],
    [{ safety: 1 }, 'safety is 1 | give a number above 0 and below 1'],
    [{ maxFactor: 1 }, 'maxFactor is 1 | give a number above 1'],
    [{ saveAt: 0.5 }, 'saveAt is 0.5 | give finite numbers'],
    [{ saveAt: {} }, 'saveAt is [object Object] | give finite numbers'],
    [{ stepTo: { length: 1, 0: 0.5 } }, 'stepTo is [object Object] | give finite numbers'],
    [{ jumpAt: new Set([0.5]) }, 'jumpAt is [object Set] | give finite numbers'],
    [{ stepSize: Infinity }, 'stepSize is Infinity | give a number above 0 and below Infinity'],
    [{ firstStep: Infinity }, 'firstStep is Infinity | give a number above 0 and below Infinity'],
    [{ saveAt: [0.5, NaN] }, 'saveAt is 0.5,NaN | give finite'],
    [{ jumpAt: ['0.5'] }, 'jumpAt is 0.5 | give finite'],
    [{ dense: 'no' }, 'dense is no | give false or true'],
    [{ onFailure: 'retrun' }, 'onFailure is retrun | give throw or return'],
    [{ onStep: true }, 'onStep is true | give a function'],
    [{ events: { value: () => 0 } }, 'events is [object Object] | give a list of'],
    [{ events: [() => 0] }, 'events is'],
    [{ events: [{ value: () => 0, direction: 'rising' }] }, 'up, down or both'],
    [{ events: [null] }, 'events is'],
    [{ tolerance: 1e-6 }, 'there is no option tolerance | choose from t0, t1, solver, rtol'],
  ])('refuses %j', (wrong: object, said) => {
    expect(() => plan(wrong)).toThrow(said);
  });

  it('refuses options that are missing, or no object', () => {
    for (const wrong of [undefined, null, 3, [], () => 0])
      expect(() => makePlan(wrong as unknown as StepOptions, refuse)).toThrow('t0 is undefined | give a finite number');
    expect(() => makePlan('0 to 1' as unknown as StepOptions, refuse)).toThrow('there is no option 0');
  });
});
