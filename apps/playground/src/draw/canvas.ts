import type { Paths, Picture } from '../protocol.ts';
import type { Palette, Ramp } from './colours.ts';

/** From data to pixels: the square [-extent, extent]² fills the canvas, y upwards. */
interface Frame {
  readonly context: CanvasRenderingContext2D;
  readonly size: number;
  x(value: number): number;
  y(value: number): number;
}

export function frameOf(canvas: HTMLCanvasElement, extent: number): Frame {
  const size = canvas.width;
  const context = canvas.getContext('2d')!;
  return {
    context,
    size,
    x: (value) => ((value + extent) / (2 * extent)) * size,
    y: (value) => ((extent - value) / (2 * extent)) * size,
  };
}

export function clear({ context, size }: Frame, { surface, grid }: Palette): void {
  context.fillStyle = surface;
  context.fillRect(0, 0, size, size);
  context.strokeStyle = grid;
  context.lineWidth = size / 720;
  context.beginPath();
  for (const share of [0.25, 0.5, 0.75]) {
    context.moveTo(share * size, 0);
    context.lineTo(share * size, size);
    context.moveTo(0, share * size);
    context.lineTo(size, share * size);
  }
  context.stroke();
}

/** A grid of values as colours, smoothed between cells. */
export function heat({ context, size }: Frame, { side, values }: Picture, ramp: Ramp, low: number, high: number): void {
  const pixels = new ImageData(side, side);
  for (let i = 0; i < values.length; i++) {
    const share = (values[i]! - low) / (high - low);
    const colour = 3 * Math.round(255 * Math.min(1, Math.max(0, Number.isNaN(share) ? 0 : share)));
    // Rows of pixels go down.
    const at = 4 * ((side - 1 - Math.floor(i / side)) * side + (i % side));
    pixels.data.set(ramp.subarray(colour, colour + 3), at);
    pixels.data[at + 3] = 255;
  }
  const cells = new OffscreenCanvas(side, side);
  cells.getContext('2d')!.putImageData(pixels, 0, 0);
  context.imageSmoothingEnabled = true;
  context.imageSmoothingQuality = 'high';
  context.drawImage(cells, 0, 0, size, size);
}

/** Points x, y, x, y, … as dots of one colour, or of the colour of their class. */
export function dots(
  frame: Frame,
  points: ArrayLike<number>,
  colour: string | readonly string[],
  radius: number,
  labels?: ArrayLike<number>,
): void {
  const { context, size } = frame;
  const r = (radius * size) / 720;
  const colours = typeof colour === 'string' ? [colour] : colour;
  colours.forEach((fill, label) => {
    context.fillStyle = fill;
    context.beginPath();
    for (let i = 0; i < points.length / 2; i++) {
      if (labels && typeof colour !== 'string' && labels[i] !== label) continue;
      const [x, y] = [frame.x(points[2 * i]!), frame.y(points[2 * i + 1]!)];
      context.moveTo(x + r, y);
      context.arc(x, y, r, 0, 2 * Math.PI);
    }
    context.fill();
  });
}

/** Arrows in every second cell of the grid, the longest as long as two cells. */
export function arrows(frame: Frame, { side, vectors, values, extent }: Picture, colour: string): void {
  if (!vectors) return;
  const { context, size } = frame;
  const longest = values.reduce((most, value) => Math.max(most, value), 1e-9);
  const cell = size / side;
  context.strokeStyle = colour;
  context.lineWidth = (1.6 * size) / 720;
  context.lineCap = 'round';
  context.beginPath();
  for (let row = 0; row < side; row += 2) {
    for (let column = 0; column < side; column += 2) {
      const i = row * side + column;
      const speed = values[i]!;
      if (!(speed > 0)) continue;
      // Lengths by the root, so that slow places have a direction, too.
      const length = 1.7 * cell * Math.sqrt(speed / longest);
      const [dx, dy] = [(vectors[2 * i]! / speed) * length, (-vectors[2 * i + 1]! / speed) * length];
      const x = frame.x(((column + 0.5) / side) * 2 * extent - extent) - dx / 2;
      const y = frame.y(((row + 0.5) / side) * 2 * extent - extent) - dy / 2;
      const head = Math.min(length * 0.4, cell * 0.55);
      const angle = Math.atan2(dy, dx);
      context.moveTo(x, y);
      context.lineTo(x + dx, y + dy);
      for (const turn of [-2.6, 2.6]) {
        context.moveTo(x + dx, y + dy);
        context.lineTo(x + dx + head * Math.cos(angle + turn), y + dy + head * Math.sin(angle + turn));
      }
    }
  }
  context.stroke();
}

/** Where particles are at a time, with the ways that they came. */
export function particles(
  frame: Frame,
  { times, count, values, labels }: Paths,
  time: number,
  trail: string,
  colour: string | readonly string[],
): void {
  const { context, size } = frame;
  // Times rise or fall evenly.
  const at = ((time - times[0]!) / (times.at(-1)! - times[0]!)) * (times.length - 1);
  const before = Math.min(times.length - 2, Math.max(0, Math.floor(at)));
  const share = at - before;
  const place = (k: number, i: number): number => values[k * 2 * count + i]!;
  const now = Float32Array.from(
    { length: 2 * count },
    (_, i) => place(before, i) + share * (place(before + 1, i) - place(before, i)),
  );
  context.strokeStyle = trail;
  context.lineWidth = (1.4 * size) / 720;
  context.beginPath();
  for (let i = 0; i < count; i++) {
    context.moveTo(frame.x(place(0, 2 * i)), frame.y(place(0, 2 * i + 1)));
    for (let k = 1; k <= before; k++) context.lineTo(frame.x(place(k, 2 * i)), frame.y(place(k, 2 * i + 1)));
    context.lineTo(frame.x(now[2 * i]!), frame.y(now[2 * i + 1]!));
  }
  context.stroke();
  dots(frame, now, colour, 3.4, labels);
}

/** The line on which both classes are equally likely. */
export function boundary(
  frame: Frame,
  lines: readonly (readonly (readonly [number, number])[])[],
  side: number,
  colour: string,
): void {
  const { context, size } = frame;
  context.strokeStyle = colour;
  context.lineWidth = (2.2 * size) / 720;
  context.beginPath();
  for (const line of lines) {
    line.forEach(([column, row], i) => {
      const [x, y] = [(column / side) * size, size - (row / side) * size];
      if (i === 0) context.moveTo(x, y);
      else context.lineTo(x, y);
    });
  }
  context.stroke();
}
