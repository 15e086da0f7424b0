import { reshape, scope, transpose, ValueError, zeros } from '@sparseflow/tensor';
import type { Tensor } from '@sparseflow/tensor';
import type { Transform } from './transform.ts';
import { transformOf } from './transformOf.ts';

/** [height, width, channels] of an image. */
export type ImageShape = readonly [height: number, width: number, channels: number];

/** The shape of an image with every 2 × 2 pixels made one. */
export function squeezed([height, width, channels]: ImageShape): ImageShape {
  return [height / 2, width / 2, channels * 4];
}

/**
 * Makes one pixel with four times the channels of every 2 × 2 pixels (Dinh et al. 2017): a permutation of what is flattened. Channel c of
 * the pixel at (i, j) becomes channel 4 c + 2 i + j.
 *
 * @throws {ValueError} for an odd height or width
 */
export function squeezeImage(shape: ImageShape): Transform {
  const [height, width, channels] = shape;
  if (height % 2 !== 0 || width % 2 !== 0)
    throw new ValueError('squeezeImage', `an image of ${height} × ${width}`, 'give even sides');
  const move = (x: Tensor, from: readonly number[], order: readonly number[]) =>
    scope(() => {
      const batch = x.shape[0]!;
      return {
        z: reshape(transpose(reshape(x, [batch, ...from]), order), [batch, -1]),
        logDet: zeros([batch], x),
      };
    });
  return transformOf({
    dim: height * width * channels,
    forward: (_, x) => move(x, [height / 2, 2, width / 2, 2, channels], [0, 1, 3, 5, 2, 4]),
    inverse: (_, z) => move(z, [height / 2, width / 2, channels, 2, 2], [0, 1, 4, 2, 5, 3]),
  });
}
