/** Points of a curve that are kept, at most. */
const MOST = 1200;

/** A curve of any length in bounded memory: when it is full, neighbours become their mean, and later points are means of as many. */
export class Curve {
  readonly x: number[] = [];
  readonly y: number[] = [];
  #stride = 1;
  #sumX = 0;
  #sumY = 0;
  #count = 0;

  add(x: number, y: number): void {
    this.#sumX += x;
    this.#sumY += y;
    this.#count += 1;
    if (this.#count < this.#stride) return;
    this.x.push(this.#sumX / this.#count);
    this.y.push(this.#sumY / this.#count);
    this.#sumX = this.#sumY = this.#count = 0;
    if (this.x.length >= MOST) this.#halve();
  }

  #halve(): void {
    for (const values of [this.x, this.y]) {
      for (let i = 0; 2 * i + 1 < values.length; i++) values[i] = (values[2 * i]! + values[2 * i + 1]!) / 2;
      values.length >>= 1;
    }
    this.#stride *= 2;
  }
}
