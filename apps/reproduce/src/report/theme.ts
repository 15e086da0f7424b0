import type { Method } from '../study.ts';

/**
 * The colours of the figures. Files have these fixed values, readable on paper; the page replaces each by a variable of its own
 * (`onPage`), so that the same drawing fits light and dark. Every value occurs once, so that replacing them is exact.
 */
export const colours = {
  background: '#ffffff',
  ink: '#1c2127',
  muted: '#5b6470',
  grid: '#e3e6ea',
  dense: '#3a3f47',
  unstructured: '#0b6fb8',
  structured: '#c2410d',
  random: '#8a8f98',
  control: '#12805c',
  paper: '#a21a66',
} as const satisfies Record<string, string> & Record<Method, string>;
export type ColourName = keyof typeof colours;

/** The same roles on a dark page. */
export const darkColours: Readonly<Record<ColourName, string>> = {
  background: '#14171b',
  ink: '#e8eaed',
  muted: '#a3abb6',
  grid: '#2c3138',
  dense: '#c9ced6',
  unstructured: '#5fb0ee',
  structured: '#ff8d5c',
  random: '#7e8690',
  control: '#4cc79a',
  paper: '#f07ab9',
};

/** Family of the bundled font, then what a machine is likely to have. */
export const fontFamily = "Inter, 'Helvetica Neue', Arial, sans-serif";

/** An SVG with the page's variables in place of the fixed colours. */
export function onPage(svg: string): string {
  return Object.entries(colours).reduce((text, [name, value]) => text.replaceAll(value, `var(--${name})`), svg);
}
