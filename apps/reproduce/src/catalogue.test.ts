import { describe, expect, test } from 'vitest';
import { catalogue, selectStudies } from './catalogue.ts';
import { gaussians } from './studies/gaussians.ts';
import { gaussiansSpiral } from './studies/gaussians-spiral.ts';
import { studies } from './studies/index.ts';
import { spirals } from './studies/spirals.ts';
import { fileDataOf } from './study.ts';

/** What is there may grow; these tests are about what is missing. */
const few = [gaussians, gaussiansSpiral, spirals];
const names = (selected: readonly string[]) => selectStudies(selected, few).studies.map(({ name }) => name);

test('every study is in the catalogue, and every member of a group is a study', () => {
  const { studies: known, groups } = catalogue(studies);
  const all = known.map(({ name }) => name);
  for (const { name } of studies) expect(all).toContain(name);
  for (const { members } of groups) for (const member of members) expect(all).toContain(member);
  expect(groups.map(({ name }) => name)).toEqual([
    'table2',
    'table3',
    'table4',
    'table5',
    'figure2',
    'figure3',
    'figure4',
    'figure5',
    'figure6',
    'figure7',
    'figure8',
    'figure9',
    'toy',
    'all',
  ]);
  expect(known.filter(({ available }) => available).map(({ name }) => name)).toEqual(studies.map(({ name }) => name));
});

describe('selectStudies', () => {
  test('takes names in any order and each study once', () => {
    expect(names(['spirals', 'gaussians', 'spirals'])).toEqual(['gaussians', 'spirals']);
  });
  test('expands groups', () => {
    expect(names(['figure4'])).toEqual(['gaussians', 'gaussians-spiral', 'spirals']);
  });
  test('says which members of a group cannot be run yet', () => {
    expect(selectStudies(['figure2'], few).missing).toEqual(['power', 'gas', 'hepmass', 'miniboone', 'bsds300']);
  });
  test('toy is every study that needs no data files', () => {
    const toys = studies.filter((study) => fileDataOf(study, 'paper') === undefined);
    expect(selectStudies(['toy'], studies).studies).toEqual(toys);
  });
  test('tells studies that were named from those of groups', () => {
    expect([...selectStudies(['figure4', 'spirals'], few).named]).toEqual(['spirals']);
  });
  test('suggests the nearest name', () => {
    expect(() => selectStudies(['gausians'], few)).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: unknown study 'gausians' (did you mean 'gaussians'?). To fix: run \`pnpm reproduce list\` to see every name.]`,
    );
  });
  test('suggests nothing for a name that is like none', () => {
    expect(() => selectStudies(['qqqqqqqqqq'], few)).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: unknown study 'qqqqqqqqqq'. To fix: run \`pnpm reproduce list\` to see every name.]`,
    );
  });
  test('refuses a study that is known but not there', () => {
    expect(() => selectStudies(['power'], few)).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: study 'power' is not yet available. To fix: choose one of: gaussians, gaussians-spiral, spirals.]`,
    );
  });
  test('refuses a group of which nothing is there', () => {
    expect(() => selectStudies(['gaussians', 'table3'], few)).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: group 'table3' (mnist, cifar10) is not yet available. To fix: choose one of: gaussians, gaussians-spiral, spirals.]`,
    );
  });
  test.each(['toString', '__proto__', 'constructor', ''])('treats %j as any unknown name', (name) => {
    expect(() => selectStudies([name], few)).toThrow(/unknown study/);
  });
});
