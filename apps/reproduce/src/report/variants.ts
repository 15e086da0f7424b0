import type { Result } from '../results/schema.ts';

/** The part of a result that belongs to one setting. */
export interface Part {
  readonly label: string;
  readonly part: Result;
}

/** A result setting by setting; one part without a label where nothing is compared. */
export function byVariant(result: Result): Part[] {
  if (result.variants === undefined) return [{ label: '', part: result }];
  return result.variants.map((label) => ({
    label,
    part: { ...result, points: result.points.filter((point) => point.variant === label) },
  }));
}
