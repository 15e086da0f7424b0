import { moons } from '@sparseflow/datasets';
import { key } from '@sparseflow/tensor';
import { expect, test } from 'vitest';

/** How many points (x, y, x, y, …) have one of the training data within a quarter of a standard deviation. */
function shareNear(points: ArrayLike<number>): number {
  const { points: data } = moons(key(0)).train;
  let near = 0;
  for (let i = 0; i < points.length; i += 2) {
    let nearest = Infinity;
    for (let j = 0; j < data.length; j += 2)
      nearest = Math.min(nearest, Math.hypot(points[i] - data[j], points[i + 1] - data[j + 1]));
    if (nearest < 0.25) near += 1;
  }
  return near / (points.length / 2);
}

test('the worker trains while the page goes on, and the samples lie on the moons', async () => {
  let turns = 0;
  const timer = setInterval(() => (turns += 1), 10);
  const { samples } = await import('./page.ts');
  const points = await samples;
  clearInterval(timer);
  // Training takes more than a second; a page that did it itself would get a turn or two.
  expect(turns).toBeGreaterThan(20);
  expect(document.querySelector('progress')!.position).toBe(1);
  expect(document.querySelector('output')!.textContent).toMatch(/^epoch 39: loss \d\.\d{3} nats$/);

  expect(points).toHaveLength(4000);
  // .91 when this was written; of a normal distribution's samples, .44.
  expect(shareNear(points)).toBeGreaterThan(0.8);
  const drawn = document.querySelector('canvas')!.getContext('2d')!.getImageData(0, 0, 400, 400).data;
  expect(drawn.some((value) => value > 0)).toBe(true);
});
