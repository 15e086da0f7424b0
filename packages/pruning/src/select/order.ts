/** Indices from the highest score to the lowest; of equal scores, the lower index first. */
export function byScore(scores: ArrayLike<number>): Uint32Array {
  const indices = new Uint32Array(scores.length);
  for (let i = 0; i < indices.length; i++) indices[i] = i;
  return indices.sort((a, b) => {
    const x = scores[a]!;
    const y = scores[b]!;
    // Not y - x, which is NaN for two infinities.
    return x > y ? -1 : x < y ? 1 : a - b;
  });
}
