import { createRequire } from 'node:module';
import { Resvg } from '@resvg/resvg-js';
import { DOMParser } from 'linkedom';
import { colours, fontFamily } from './theme.ts';

const require = createRequire(import.meta.url);
// The font comes with the program: a machine without fonts would otherwise draw figures without text.
const fontFiles = [
  require.resolve('@expo-google-fonts/inter/400Regular/Inter_400Regular.ttf'),
  require.resolve('@expo-google-fonts/inter/600SemiBold/Inter_600SemiBold.ttf'),
];

/** A document for Plot to draw into: of XML, as what it draws must be. */
export function createDocument(): Document {
  return new DOMParser().parseFromString('<svg/>', 'image/svg+xml') as unknown as Document;
}

/** The last drawings. A report is written again after every point, and most of its figures are as they were. */
const drawn = new Map<string, Uint8Array>();
const KEPT = 64;

/** Draws an SVG at `scale` device pixels per unit. */
export function toPng(svg: string, scale = 2): Uint8Array {
  const key = `${scale} ${svg}`;
  const png = drawn.get(key) ?? draw(svg, scale);
  drawn.delete(key);
  drawn.set(key, png);
  for (const oldest of drawn.keys()) if (drawn.size > KEPT) drawn.delete(oldest);
  return png;
}

function draw(svg: string, scale: number): Uint8Array {
  // The renderer knows this by its name in SVG 1.1 only, which browsers take for something else.
  const image = new Resvg(svg.replaceAll('image-rendering="pixelated"', 'image-rendering="optimizeSpeed"'), {
    fitTo: { mode: 'zoom', value: scale },
    font: { fontFiles, loadSystemFonts: false, defaultFontFamily: 'Inter' },
    background: colours.background,
  });
  return image.render().asPng();
}

const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** Text as it may stand in markup and in quoted attributes. */
export function escapeXml(text: string): string {
  return text.replaceAll(/[&<>"]/g, (character) => escapes[character]!);
}

/** A frame of text and drawings. */
export interface Frame {
  readonly width: number;
  readonly height: number;
  readonly title: string;
  readonly subtitle: string;
  /** What a reader who cannot see the figure is told. */
  readonly description: string;
  /** SVG markup, drawn at its own coordinates. */
  readonly content: string;
}

/** A whole SVG file: title, subtitle and content on the background, with the title and description for screen readers. */
export function frame({ width, height, title, subtitle, description, content }: Frame): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" font-family="${escapeXml(fontFamily)}">`,
    `<title>${escapeXml(title)}</title>`,
    `<desc>${escapeXml(description)}</desc>`,
    `<rect width="${width}" height="${height}" fill="${colours.background}"/>`,
    `<text x="16" y="28" font-size="16" font-weight="600" fill="${colours.ink}">${escapeXml(title)}</text>`,
    `<text x="16" y="48" font-size="12" fill="${colours.muted}">${escapeXml(subtitle)}</text>`,
    content,
    '</svg>\n',
  ].join('\n');
}

/** A drawing by Plot as markup at a place in a frame. Its own style element and class are dropped: the frame has the styles. */
export function placed(figure: Element, x: number, y: number): string {
  figure.querySelectorAll('style').forEach((style) => style.remove());
  // Plot names its marks, 'rule' or 'dot', for readers to whom the frame says what the whole figure shows.
  figure.querySelectorAll('g[aria-label]').forEach((mark) => {
    mark.setAttribute('data-mark', mark.getAttribute('aria-label')!);
    mark.removeAttribute('aria-label');
  });
  figure.removeAttribute('class');
  figure.removeAttribute('font-family');
  figure.setAttribute('x', String(x));
  figure.setAttribute('y', String(y));
  // Browsers clip a nested drawing at its edge, where end labels stand.
  figure.setAttribute('overflow', 'visible');
  return figure.outerHTML;
}
