/** Makes the error of something that was given wrong. */
export type Refuse = (what: string, remedy: string) => Error;

/** An option: whether a value will do, what would, and what it is where nothing is given. */
export type Rule = readonly [holds: (value: never) => boolean, what: string, otherwise?: unknown];

export type Rules = Readonly<Record<string, Rule>>;

/** A number between two others, neither of them included. */
export const above = (low: number, otherwise?: number, high?: number): Rule => [
  (x) => typeof x === 'number' && x > low && !(x >= high!),
  `a number above ${low}${high ? ` and below ${high}` : ''}`,
  otherwise,
];
export const fromZero = (otherwise?: number): Rule => [
  (x) => typeof x === 'number' && x >= 0,
  'a number from 0',
  otherwise,
];
/** The first is what it is where nothing is given. */
export const oneOf = (...values: unknown[]): Rule => [(x) => values.includes(x), values.join(' or '), values[0]];
export const flag = oneOf(false, true);
/** An object or a function, told by what it has. */
export const having = (key: string, what: string, otherwise?: object): Rule => [
  (x) => key in Object(x),
  what,
  otherwise,
];
/** Options some of which are filled in where they are not given. */
export type Filled<T, K extends keyof T> = T & { readonly [P in K]-?: NonNullable<T[P]> };

export const callback = having('call', 'a function');

/** @throws what `refuse` makes of a value that will not do */
export function ensure(name: string, value: unknown, [holds, what]: Rule, refuse: Refuse): void {
  if (!holds(value as never)) throw refuse(`${name} is ${String(value)}`, `give ${what}`);
}

/**
 * Fills in what is not given, or given as undefined.
 * @throws what `refuse` makes of what TypeScript would have refused: a name that is no option's, a value of the wrong kind
 */
export function check<T>(options: object, rules: Rules, refuse: Refuse): T {
  // A copy of the rules, so that what is filled in has the same shape to the engine every time.
  const filled: Record<string, unknown> = { ...rules };
  for (const name in filled) filled[name] = rules[name]![2];
  for (const [name, value] of Object.entries<unknown>({ ...options })) {
    const rule = rules[name];
    if (!rule) throw refuse(`there is no option ${name}`, `choose from ${Object.keys(rules).join(', ')}`);
    if (value === undefined) continue;
    ensure(name, value, rule, refuse);
    filled[name] = value;
  }
  return filled as T;
}
