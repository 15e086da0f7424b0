import { imageStudy } from './images.ts';

/** Photographs of objects: 32 × 32 pixels of three colours, 1.36M parameters. */
export const cifar10 = imageStudy({
  name: 'cifar10',
  title: 'CIFAR-10: photographs of objects',
  about:
    'How the likelihood of a multi-scale flow of photographs, and its samples, change as its weights or filters are pruned.',
  shape: [32, 32, 3],
  dense: 3.44,
  sparse: [3.38, 3.37, 3.36, 3.37, 3.38, 3.39, 3.4, 3.42],
  others: [
    [5.8, 11.5e6],
    [3.49, null],
    [4.31, 115e6],
    [3.35, 44e6],
    [3.4, 1.9e6],
    [3.98, null],
    [4.18, 67.1e6],
    [3.38, 11.8e6],
    [3.28, 25.2e6],
  ],
  quick: {
    pool: 4,
    net: { kind: 'multiscale', shape: [8, 8, 3], hidden: [24, 24], blocks: 1, activation: 'softplus' },
  },
});
