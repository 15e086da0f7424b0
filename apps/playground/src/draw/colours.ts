import { interpolateMagma, interpolateBuPu } from 'd3-scale-chromatic';
import type { ModelName } from '../protocol.ts';
import type { ThemeName } from '../page/theme.ts';

/** 256 colours as red, green, blue. */
export type Ramp = Uint8ClampedArray;

export interface Palette {
  readonly surface: string;
  readonly ink: string;
  readonly muted: string;
  readonly grid: string;
  /** Points of the data, samples, and arrows, on top of ramps. */
  readonly data: string;
  readonly sample: string;
  readonly arrow: string;
  /** The ways of particles. */
  readonly trail: string;
  readonly classes: readonly [string, string];
  readonly models: Readonly<Record<ModelName, string>>;
  /** log p and |f|: from little to much. */
  readonly sequential: Ramp;
  /** Probability of class 1. */
  readonly decision: Ramp;
  /** Weights: negative, near zero, positive. What is pruned has the colour of the surface. */
  readonly weights: Ramp;
}

type Rgb = readonly [number, number, number];

function rampOf(colourAt: (t: number) => Rgb): Ramp {
  const ramp = new Uint8ClampedArray(3 * 256);
  for (let i = 0; i < 256; i++) ramp.set(colourAt(i / 255), 3 * i);
  return ramp;
}

/** Between equally spaced colours. */
function blend(...stops: readonly Rgb[]): Ramp {
  return rampOf((t) => {
    const at = t * (stops.length - 1);
    const i = Math.min(stops.length - 2, Math.floor(at));
    const [from, to] = [stops[i]!, stops[i + 1]!];
    return [0, 1, 2].map((k) => from[k]! + (at - i) * (to[k]! - from[k]!)) as unknown as Rgb;
  });
}

/** d3's colours are '#rrggbb' or 'rgb(r, g, b)'. */
function parse(colour: string): Rgb {
  const hex = /^#(..)(..)(..)$/.exec(colour);
  const parts = hex ? hex.slice(1).map((x) => parseInt(x, 16)) : colour.match(/\d+/g)!.map(Number);
  return [parts[0]!, parts[1]!, parts[2]!];
}

export const palettes: Readonly<Record<ThemeName, Palette>> = {
  dark: {
    surface: '#14111f',
    ink: '#edeaf6',
    muted: '#a9a2bf',
    grid: '#2c2640',
    data: 'rgba(255, 255, 255, 0.45)',
    sample: 'rgba(255, 201, 138, 0.75)',
    arrow: 'rgba(255, 255, 255, 0.85)',
    trail: 'rgba(154, 134, 255, 0.38)',
    classes: ['#7fb2ff', '#ffab66'],
    models: { dense: '#9aa8ff', sparse: '#ff9f5a', control: '#45c9b5' },
    sequential: rampOf((t) => parse(interpolateMagma(0.03 + 0.95 * t))),
    decision: blend([61, 124, 214], [38, 61, 107], [24, 20, 37], [112, 61, 30], [232, 128, 52]),
    weights: blend([88, 160, 255], [92, 96, 124], [255, 146, 66]),
  },
  light: {
    surface: '#ffffff',
    ink: '#1c1830',
    muted: '#5e5775',
    grid: '#e6e2f0',
    data: 'rgba(28, 24, 48, 0.35)',
    sample: 'rgba(178, 60, 20, 0.6)',
    arrow: 'rgba(28, 24, 48, 0.8)',
    trail: 'rgba(90, 65, 216, 0.28)',
    classes: ['#1f5fc4', '#c2520a'],
    models: { dense: '#4453d1', sparse: '#c2520a', control: '#0f7a6c' },
    sequential: rampOf((t) => parse(interpolateBuPu(0.02 + 0.98 * t))),
    decision: blend([72, 134, 224], [170, 200, 241], [250, 249, 253], [250, 207, 170], [236, 138, 60]),
    weights: blend([31, 95, 196], [190, 188, 204], [214, 96, 20]),
  },
};
