import * as v from 'valibot';
import { coherent, defaultPruning, defaults, pruningSchema, settingsSchema } from './settings.ts';
import type { Pruning, Settings } from './settings.ts';

const linkSchema = v.object({ ...settingsSchema.entries, ...pruningSchema.entries });
const absent = { ...defaults, ...defaultPruning };

/** What settings are called in a link, and how they are written; what is absent is the default. */
const numbers = [
  'seed',
  'layers',
  'hidden',
  'learningRate',
  'batch',
  'tolerance',
  'remove',
  'rounds',
  'steps',
] as const;
const words = ['task', 'data', 'drawing', 'activation', 'trace', 'structure'] as const;

/** The part of a link after #: the seed, as a link that says nothing means the last visit, and what differs from the defaults. */
export function toHash(settings: Settings, pruning: Pruning = defaultPruning): string {
  const query = new URLSearchParams();
  const all = { ...settings, ...pruning };
  for (const name of [...words, ...numbers]) {
    if (name === 'seed' || all[name] !== absent[name]) query.set(name, String(all[name]));
  }
  if (settings.sizes !== null) query.set('sizes', Object.values(settings.sizes).join('_'));
  return query.toString();
}

/** The settings of a link. What it says that is not possible is left out, and named in `ignored`. */
export function fromHash(hash: string): {
  readonly settings: Settings;
  readonly pruning: Pruning;
  readonly ignored: readonly string[];
} {
  const query = new URLSearchParams(hash.replace(/^#/, ''));
  const ignored: string[] = [];
  let all: v.InferOutput<typeof linkSchema> = absent;
  for (const [name, text] of query) {
    const read = v.safeParse(linkSchema, { ...all, [name]: valueOf(name, text) });
    if (Object.hasOwn(absent, name) && read.success) all = read.output;
    else ignored.push(name);
  }
  const settings = coherent(v.parse(settingsSchema, all));
  if (settings.task !== all.task) ignored.push('task');
  return { settings, pruning: v.parse(pruningSchema, all), ignored };
}

function valueOf(name: string, text: string): unknown {
  if (name === 'sizes') {
    const [trainPerMode, testPerMode, validationShare] = text.split('_').map(Number);
    return { trainPerMode, testPerMode, validationShare };
  }
  return (numbers as readonly string[]).includes(name) ? Number(text || NaN) : text;
}
