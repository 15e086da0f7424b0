/** The reason of a set with fewer rows, or other ones, than the published. */
export function excerpt(rows: number, whole: number): { readonly reason?: string } {
  if (rows === whole) return {};
  return { reason: `an excerpt of ${rows.toLocaleString('en')} of ${whole.toLocaleString('en')} rows` };
}
