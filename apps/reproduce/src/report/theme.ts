import type { Method, OwnMethod } from '../study.ts';
import { methods } from '../study.ts';

/**
 * The colours of the figures. Files have these fixed values, readable on paper; the page replaces each by a variable of its own
 * (`onPage`), so that the same drawing fits light and dark. Every value occurs once, so that replacing them is exact.
 */
export const colours = {
  background: '#ffffff',
  ink: '#1c2127',
  muted: '#5b6470',
  grid: '#e3e6ea',
  gaussian: '#5b6471',
  dense: '#3a3f47',
  unstructured: '#0b6fb8',
  structured: '#c2410d',
  random: '#8a8f98',
  control: '#12805c',
  paper: '#a21a66',
  series0: '#7a5195',
  series1: '#b8860b',
  series2: '#008b8b',
  series3: '#8b4513',
  series4: '#d6336c',
  series5: '#5c7c0a',
  series6: '#4455c7',
  series7: '#a05a00',
  series8: '#2f7f9f',
  series9: '#993333',
  series10: '#6b6b1f',
  series11: '#c44fc4',
} as const satisfies Record<string, string> & Record<OwnMethod, string>;
export type ColourName = keyof typeof colours;

const series = Object.keys(colours).filter((name): name is ColourName => name.startsWith('series'));

/** The colour of a method among all that are drawn: pruners of `--pruner` take theirs in turn. */
export function colourOf(method: Method, all: readonly Method[]): ColourName {
  if (isOwn(method)) return method;
  const index = all.filter((other) => !isOwn(other)).indexOf(method);
  return series[Math.max(0, index) % series.length]!;
}

function isOwn(method: Method): method is OwnMethod {
  return (methods as readonly string[]).includes(method);
}

/** The same roles on a dark page. */
export const darkColours: Readonly<Record<ColourName, string>> = {
  background: '#14171b',
  ink: '#e8eaed',
  muted: '#a3abb6',
  grid: '#2c3138',
  gaussian: '#a3abb7',
  dense: '#c9ced6',
  unstructured: '#5fb0ee',
  structured: '#ff8d5c',
  random: '#7e8690',
  control: '#4cc79a',
  paper: '#f07ab9',
  series0: '#b99ad2',
  series1: '#e6bb4a',
  series2: '#40c4c4',
  series3: '#c98a5c',
  series4: '#ff85b0',
  series5: '#a5c94f',
  series6: '#8f9bff',
  series7: '#e39a3d',
  series8: '#7cc4e0',
  series9: '#e07a7a',
  series10: '#bdbd62',
  series11: '#e897e8',
};

/** Family of the bundled font, then what a machine is likely to have. */
export const fontFamily = "Inter, 'Helvetica Neue', Arial, sans-serif";

/** An SVG with the page's variables in place of the fixed colours. */
export function onPage(svg: string): string {
  return Object.entries(colours).reduce((text, [name, value]) => text.replaceAll(value, `var(--${name})`), svg);
}
