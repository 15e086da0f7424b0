import * as v from 'valibot';
import { coherent, defaults, settingsSchema } from './settings.ts';
import type { Settings } from './settings.ts';

/** What settings are called in a link, and how they are written; what is absent is the default. */
const numbers = ['seed', 'layers', 'hidden', 'learningRate', 'batch', 'tolerance'] as const;
const words = ['task', 'data', 'drawing', 'activation', 'trace'] as const;

/** The part of a link after #: only what differs from the defaults. */
export function toHash(settings: Settings): string {
  const query = new URLSearchParams();
  for (const name of [...words, ...numbers]) {
    if (settings[name] !== defaults[name]) query.set(name, String(settings[name]));
  }
  if (settings.sizes !== null) query.set('sizes', Object.values(settings.sizes).join('_'));
  return query.toString();
}

/** The settings of a link. What it says that is not possible is left out, and named in `ignored`. */
export function fromHash(hash: string): { readonly settings: Settings; readonly ignored: readonly string[] } {
  const query = new URLSearchParams(hash.replace(/^#/, ''));
  const ignored: string[] = [];
  let settings: Settings = defaults;
  for (const [name, text] of query) {
    const read = v.safeParse(settingsSchema, { ...settings, [name]: valueOf(name, text) });
    if (Object.hasOwn(defaults, name) && read.success) settings = read.output;
    else ignored.push(name);
  }
  const possible = coherent(settings);
  if (possible.task !== settings.task) ignored.push('task');
  return { settings: possible, ignored };
}

function valueOf(name: string, text: string): unknown {
  if (name === 'sizes') {
    const [trainPerMode, testPerMode, validationShare] = text.split('_').map(Number);
    return { trainPerMode, testPerMode, validationShare };
  }
  return (numbers as readonly string[]).includes(name) ? Number(text || NaN) : text;
}
