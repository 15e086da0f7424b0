import { imageStudy } from './images.ts';

/** Handwritten digits: 28 × 28 pixels, 801K parameters. */
export const mnist = imageStudy({
  name: 'mnist',
  title: 'MNIST: handwritten digits',
  about:
    'How the likelihood of a multi-scale flow of digits, and its samples, change as its weights or filters are pruned.',
  shape: [28, 28, 1],
  dense: 1.01,
  sparse: [0.97, 0.96, 0.95, 0.95, 0.96, 0.97, 0.98, 0.97],
  others: [
    [1.41, 1.2e6],
    [1.05, null],
    [1.91, 12e6],
    [1.06, null],
    [1.02, 2.9e6],
    [1.19, null],
    [1.81, 17.2e6],
    null,
    [0.97, 16.6e6],
  ],
  quick: {
    pool: 2,
    net: { kind: 'multiscale', shape: [14, 14, 1], hidden: [16, 16], blocks: 1, activation: 'softplus' },
  },
});
