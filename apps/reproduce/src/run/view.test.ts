import { expect, test } from 'vitest';
import { renderView } from './view.ts';

const rows = [
  { share: 0.25, text: '3/13 points, about 1 min left' },
  { share: 1, text: 'gaussians seed 0 unstructured 58.6 %: epoch 5.0/20, loss 1.500 nats' },
];

test('bars on a wide terminal', () => {
  expect(renderView(rows, 120, false)).toMatchInlineSnapshot(`
    " ██████░░░░░░░░░░░░░░░░░░  25 % 3/13 points, about 1 min left
     ████████████████████████ 100 % gaussians seed 0 unstructured 58.6 %: epoch 5.0/20, loss 1.500 nats"
  `);
});

test('shorter bars on a narrow one, text cut off at its edge', () => {
  expect(renderView(rows, 60, false)).toMatchInlineSnapshot(`
    " ███░░░░░░░░░  25 % 3/13 points, about 1 min left
     ████████████ 100 % gaussians seed 0 unstructured 58.6 %: …"
  `);
});

test('no bars on a very narrow one', () => {
  expect(renderView(rows, 30, false)).toMatchInlineSnapshot(`
    "  25 % 3/13 points, about 1 …
     100 % gaussians seed 0 unst…"
  `);
});

test.each([1, 2, 10, 49, 50, 79, 80, 200])('no line reaches the edge of %i columns', (columns) => {
  for (const line of renderView(rows, columns, false).split('\n'))
    expect(line.length).toBeLessThan(Math.max(2, columns));
});

test('shares beyond their range do not break a bar', () => {
  expect(renderView([{ share: 1.2, text: '' }], 80, false)).toContain('█'.repeat(16));
  expect(renderView([{ share: -1, text: '' }], 80, false)).toContain('░'.repeat(16));
});
