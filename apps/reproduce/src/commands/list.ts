import { catalogue } from '../catalogue.ts';
import type { Study } from '../study.ts';

/** What `list` prints. */
export function listStudies(studies: readonly Study[], json: boolean): string {
  const { studies: known, groups } = catalogue(studies);
  if (json) return `${JSON.stringify({ studies: known, groups }, null, 2)}\n`;
  const width = Math.max(...[...known, ...groups].map(({ name }) => name.length)) + 2;
  const study = ({ name, about, available }: (typeof known)[number]): string =>
    `  ${name.padEnd(width)}${about}${available ? '' : ' (not yet available)'}`;
  return [
    'Studies',
    ...known.map(study),
    '',
    'Groups',
    ...groups.map(({ name, members }) => `  ${name.padEnd(width)}${members.join(', ')}`),
    '',
    'Budgets: smoke (seconds), quick (minutes, shows the effect), paper (the paper’s settings, hours to days).',
    '',
  ].join('\n');
}
