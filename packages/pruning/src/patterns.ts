/** A name, with `*` for any number of any characters, or a regular expression. */
export type NamePattern = string | RegExp;

/** Whether a name matches a pattern, from its first character to its last if the pattern is a string. */
export function matchesName(pattern: NamePattern, name: string): boolean {
  if (typeof pattern !== 'string') return name.search(pattern) >= 0;
  const escaped = pattern.split('*').map((part) => part.replaceAll(/[\\^$.|?+()[\]{}]/g, String.raw`\$&`));
  return new RegExp(`^${escaped.join('.*')}$`, 's').test(name);
}

export function matchesSome(patterns: readonly NamePattern[] = [], name: string): boolean {
  return patterns.some((pattern) => matchesName(pattern, name));
}

/** Which class a name belongs to: the first pattern that it matches, or the class of all that match none. */
export function classByPattern(patterns: readonly NamePattern[]): (name: string) => string {
  return (name) => String(patterns.findIndex((pattern) => matchesName(pattern, name)));
}
