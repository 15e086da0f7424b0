import type { Report } from '../report.ts';

/**
 * The work-precision diagram of a report as SVG: error against evaluations and against time, both logarithmic, a line for each
 * implementation. The lower left is the better corner.
 *
 * @throws when @observablehq/plot or jsdom is not installed
 */
export async function workPrecision({ rows }: Report): Promise<string> {
  const [Plot, { JSDOM }] = await Promise.all([import('@observablehq/plot'), import('jsdom')]);
  const { document } = new JSDOM().window;
  const points = rows.flatMap(({ implementation, case: problem, error, nfe, ms }) =>
    error === undefined || !nfe ? [] : [{ implementation, problem, error, evaluations: nfe[0], ms }],
  );
  const panel = (x: 'evaluations' | 'ms', label: string): string => {
    const line = { x, y: 'error', stroke: 'implementation' };
    const element = Plot.plot({
      document,
      width: 560,
      height: 460,
      marginLeft: 56,
      style: 'font-family: sans-serif; font-size: 12px; background: white',
      x: { type: 'log', label, grid: true },
      y: { type: 'log', label: 'error at the end', grid: true, tickFormat: '.0e' },
      // Twelve hues, then the same again dashed would be too many: peers are few.
      color: { scheme: 'paired' },
      marks: [
        Plot.line(points, { ...line, strokeWidth: 1.6 }),
        Plot.dot(points, { ...line, r: 2.5 }),
        Plot.text(points, Plot.selectMaxX({ ...line, z: 'implementation', fill: 'implementation', text: 'implementation', textAnchor: 'start', dx: 6, stroke: 'white' })), // prettier-ignore
      ],
      marginRight: 130,
    });
    return element.outerHTML;
  };
  const [left, right] = [panel('evaluations', 'evaluations of f'), panel('ms', 'milliseconds')];
  const place = (svg: string, at: number): string =>
    svg.replace('<svg', `<svg x="${at}"`).replace(/ class="[^"]*"/, '');
  const size = 'width="1120" height="490" viewBox="0 0 1120 490"';
  const title = `<text x="16" y="20" font-family="sans-serif" font-size="15">${points[0]?.problem ?? ''}: work and precision</text>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size}><rect width="100%" height="100%" fill="white"/>${title}<g transform="translate(0 28)">${place(left, 0)}${place(right, 560)}</g></svg>\n`;
}
