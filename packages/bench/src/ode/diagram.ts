import type { Report } from '../report.ts';

/** Not drawn: the same method as another line. */
const LEFT_OUT = ['by hand (dopri5)', 'dopri5, f returns'];
/** Observable's ten colours, in the order of the implementations. */
const COLOURS = ['#4269d0', '#ff725c', '#3ca951', '#efb118', '#9498a0', '#a463f2', '#ff8ab7', '#9c6b4e', '#6cc5b0', '#000000']; // prettier-ignore
const [WIDTH, HEIGHT] = [560, 450];

/**
 * The work-precision diagram of a report as SVG: error against evaluations and against time, both logarithmic, a line for each
 * implementation. The lower left is the better corner. Errors above 1 say nothing and are left out.
 *
 * @throws when @observablehq/plot or linkedom is not installed
 */
export async function workPrecision({ rows }: Report): Promise<string> {
  const [Plot, { DOMParser }] = await Promise.all([import('@observablehq/plot'), import('linkedom')]);
  const document = new DOMParser().parseFromString('<svg/>', 'image/svg+xml') as unknown as Document;
  const points = rows.flatMap(({ implementation, case: problem, error, nfe, ms }) =>
    error === undefined || error > 1 || !nfe || LEFT_OUT.includes(implementation)
      ? []
      : [{ implementation, problem, error, evaluations: nfe[0], ms }],
  );
  const names = [...new Set(points.map(({ implementation }) => implementation))];
  const colour = (name: string): string => COLOURS[names.indexOf(name) % COLOURS.length]!;
  const panel = (x: 'evaluations' | 'ms', label: string, at: number): string => {
    const line = { x, y: 'error', stroke: 'implementation' };
    const svg = Plot.plot({
      document,
      width: WIDTH,
      height: HEIGHT,
      marginLeft: 56,
      marginBottom: 44,
      style: { fontFamily: 'sans-serif', fontSize: '12px' },
      x: { type: 'log', label, labelOffset: 38, grid: true, tickFormat: String },
      y: { type: 'log', label: 'error at the end', grid: true, tickFormat: '.0e' },
      color: { domain: names, range: names.map(colour) },
      marks: [Plot.line(points, { ...line, strokeWidth: 1.8 }), Plot.dot(points, { ...line, fill: 'white', r: 2.5 })],
    }).outerHTML;
    return svg.replace('<svg', `<svg x="${at}" y="64"`);
  };
  const text = (x: number, y: number, size: number, fill: string, words: string): string =>
    `<text x="${x}" y="${y}" font-family="sans-serif" font-size="${size}" fill="${fill}">${words.replaceAll('&', '&amp;').replaceAll('<', '&lt;')}</text>`;
  const legend = names.map((name, i) => {
    const [x, y] = [16 + 220 * Math.floor(i / 2), 40 + 17 * (i % 2)];
    return `<rect x="${x}" y="${y - 9}" width="10" height="10" fill="${colour(name)}"/>${text(x + 16, y, 13, 'black', name)}`;
  });
  const [width, height] = [2 * WIDTH, HEIGHT + 72];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">`,
    '<rect width="100%" height="100%" fill="white"/>',
    text(16, 20, 15, 'black', `${points[0]?.problem ?? ''}: work and precision`),
    ...legend,
    panel('evaluations', 'evaluations of f', 0),
    panel('ms', 'milliseconds', WIDTH),
    '</svg>\n',
  ].join('');
}
