import type { ChainMethod, Method } from '../study.ts';
import { prunerNameOf } from '../study.ts';
import { colourOf, colours } from './theme.ts';

const legendTop = 72;
const legendLine = 20;

const names: Readonly<Record<ChainMethod, string>> = {
  unstructured: 'unstructured',
  structured: 'structured',
  random: 'random',
  control: 'control (not pruned)',
};
type Symbol = 'circle' | 'square' | 'triangle' | 'diamond';
const symbols: Readonly<Record<ChainMethod, Symbol>> = {
  unstructured: 'circle',
  structured: 'square',
  random: 'triangle',
  control: 'diamond',
};
/** A study's own methods, the most important last, on top. */
export const drawnMethods = ['random', 'control', 'structured', 'unstructured'] as const;
type Drawn = Exclude<Method, 'dense' | 'gaussian'>;

function nameOf(method: Drawn): string {
  return prunerNameOf(method) ?? names[method as keyof typeof names];
}

/** Neighbours in the list of pruners differ in colour and symbol. */
export function symbolOf(method: Drawn, all: readonly Method[]): Symbol {
  const cycle = Object.values(symbols);
  return symbols[method as keyof typeof symbols] ?? cycle[all.indexOf(method) % cycle.length]!;
}

/** An entry of a legend. */
interface Key {
  readonly label: string;
  /** Markup in a box of 24 × 12 around its centre line y = 0. */
  readonly drawing: string;
}

const denseKey = `<line x1="0" x2="24" stroke="${colours.dense}" stroke-width="1.5" stroke-dasharray="5 4"/>`;
const paperKey = `<path d="M8.5,-3.5 l7,7 m0,-7 l-7,7" stroke="${colours.paper}" stroke-width="2" fill="none"/>`;

function methodKey(method: Drawn, all: readonly Method[]): Key {
  const colour = colours[colourOf(method, all)];
  const dashes = method === 'control' ? ' stroke-dasharray="2 3"' : '';
  const shape = {
    circle: '<circle cx="12" r="4"/>',
    square: '<rect x="8.5" y="-3.5" width="7" height="7"/>',
    triangle: '<path d="M12,-5 l4.6,8 h-9.2 z"/>',
    diamond: '<path d="M12,-5 l3.4,5 l-3.4,5 l-3.4,-5 z"/>',
  }[symbolOf(method, all)];
  return {
    label: nameOf(method),
    drawing: `<line x1="0" x2="24" stroke="${colour}" stroke-width="2"${dashes}/><g fill="${colour}">${shape}</g>`,
  };
}

/** What a legend has besides methods. */
interface Besides {
  readonly dense: boolean;
  readonly paper: boolean;
}

/** Keys of methods, the most important of them first, then of the dense model and the paper's values. */
export function methodLegend(
  methods: readonly Drawn[],
  all: readonly Method[],
  { dense, paper }: Besides,
  width: number,
): Legend {
  return legend(
    [
      ...methods.toReversed().map((method) => methodKey(method, all)),
      ...(dense ? [{ label: 'dense', drawing: denseKey }] : []),
      ...(paper ? [{ label: 'paper', drawing: paperKey }] : []),
    ],
    width,
  );
}

interface Legend {
  readonly markup: string;
  /** Where what is below it may begin. */
  readonly bottom: number;
}

/** Keys in a line under the subtitle, and in further lines when they are too long for one. */
function legend(keys: readonly Key[], width: number): Legend {
  let x = 16;
  let line = 0;
  const placedKeys = keys.map(({ label, drawing }) => {
    // Inter at 12 px is about 6.2 px a letter.
    const needed = 30 + label.length * 6.2;
    if (x + needed > width - 8) {
      x = 16;
      line += 1;
    }
    const place = `<g transform="translate(${x.toFixed(1)},${legendTop + line * legendLine})">${drawing}<text x="30" y="4" font-size="12" fill="${colours.ink}">${label}</text></g>`;
    x += needed + 16;
    return place;
  });
  return { markup: placedKeys.join('\n'), bottom: legendTop + (line + 1) * legendLine - 4 };
}
