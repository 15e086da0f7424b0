import type { Matrix } from '../protocol.ts';
import type { Palette } from './colours.ts';

/** A matrix, wide rather than high: the first layer's is shown transposed. */
export function paintMatrix(canvas: HTMLCanvasElement, matrix: Matrix, palette: Palette, largest: number): void {
  const { rows, columns, values, mask } = matrix;
  const isTall = rows > columns;
  const [width, height] = isTall ? [rows, columns] : [columns, rows];
  canvas.width = width;
  canvas.height = height;
  const pixels = new ImageData(width, height);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const i = row * columns + column;
      if (mask?.[i] === 0) continue;
      const at = 4 * (isTall ? column * width + row : row * width + column);
      // By the root, with its sign: most weights are small.
      const share = Math.sign(values[i]!) * Math.sqrt(Math.abs(values[i]!) / largest);
      const colour = 3 * Math.round(127.5 * (1 + Math.min(1, Math.max(-1, share))));
      pixels.data.set(palette.weights.subarray(colour, colour + 3), at);
      pixels.data[at + 3] = 255;
    }
  }
  canvas.getContext('2d')!.putImageData(pixels, 0, 0);
}
