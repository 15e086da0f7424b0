import type { Finding, Operation } from './examine.ts';

/** A finding for reading: a line for the backend, one for each order that operations reach, one for each that fails. */
export function textOf({ name, usable, reason, remedy, detail, dtypes, operations = [] }: Finding): string {
  if (!usable) return `${name}: does not work here\n  why: ${reason}\n  to fix: ${remedy}\n`;
  const lines = [`${name}: works (${[detail, dtypes?.join(', ')].filter(Boolean).join('; ')})`];
  const list = (what: string, which: (operation: Operation) => boolean): void => {
    const ops = operations.filter(which).map(({ op }) => op);
    if (ops.length > 0) lines.push(`  ${what}: ${ops.join(', ')}`);
  };
  for (const reached of [3, 2, 1] as const) list(`derivatives to order ${reached}`, ({ order }) => order === reached);
  list('values, nothing to differentiate', ({ order, asked }) => order === 0 && asked === 0);
  list('values only, derivatives fail', ({ order, asked }) => order === 0 && asked > 0);
  list('not even values', ({ order }) => order === null);
  for (const { failure } of operations) if (failure !== undefined) lines.push(`  fails: ${failure}`);
  return `${lines.join('\n')}\n`;
}
