let last = 0;

/** A number larger than any before: differentiations that begin later are nested deeper. */
export function nextLevel(): number {
  return ++last;
}
