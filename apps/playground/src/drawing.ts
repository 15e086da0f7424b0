/** What was drawn by hand: strokes of points in the square [-1, 1]². */
export type Strokes = readonly (readonly (readonly [number, number])[])[];

/** Places along an axis, so that a stroke's point is two characters. */
const PLACES = 64;
const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const BETWEEN = '.';

const place = (x: number): number => Math.min(PLACES - 1, Math.max(0, Math.floor(((x + 1) / 2) * PLACES)));
const centre = (i: number): number => ((i + 0.5) / PLACES) * 2 - 1;

/** Strokes as text that may stand in a link, to a 64th of the square; repeated points are dropped. */
export function writeStrokes(strokes: Strokes): string {
  return strokes
    .map((stroke) => {
      const pairs = stroke.map(([x, y]) => DIGITS[place(x)]! + DIGITS[place(y)]!);
      return pairs.filter((pair, i) => pair !== pairs[i - 1]).join('');
    })
    .filter((stroke) => stroke !== '')
    .join(BETWEEN);
}

/** The reverse of {@link writeStrokes}. Characters that it does not write are skipped. */
export function readStrokes(text: string): Strokes {
  return text
    .split(BETWEEN)
    .map((stroke) => {
      const places = Array.from(stroke, (digit) => DIGITS.indexOf(digit)).filter((i) => i >= 0);
      return Array.from({ length: places.length >> 1 }, (_, i): [number, number] => [
        centre(places[2 * i]!),
        centre(places[2 * i + 1]!),
      ]);
    })
    .filter((stroke) => stroke.length > 0);
}

/** A place on the strokes, `share` of their whole length from the start; dots count as a tenth. */
export function along(strokes: Strokes, share: number): [number, number] {
  const pieces = strokes.flatMap((stroke) =>
    stroke.map((from, i) => ({ from, to: stroke[i + 1] ?? from, end: i === stroke.length - 1 })),
  );
  const lengths = pieces.map(({ from, to, end }) =>
    end ? (pieces.length === 1 ? 0.1 : 0.02) : Math.hypot(to[0] - from[0], to[1] - from[1]),
  );
  let left = share * lengths.reduce((sum, length) => sum + length, 0);
  for (const [i, { from, to }] of pieces.entries()) {
    const length = lengths[i]!;
    if (left <= length || i === pieces.length - 1) {
      const t = Math.min(1, left / length);
      return [from[0] + t * (to[0] - from[0]), from[1] + t * (to[1] - from[1])];
    }
    left -= length;
  }
  throw new RangeError('there are no strokes');
}
