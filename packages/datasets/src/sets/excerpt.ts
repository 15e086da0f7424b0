const number = (n: number): string => n.toLocaleString('en');

/** Why a set with another number of rows than the published one cannot be compared with it; nothing for the whole set. */
export function excerpt(rows: number, whole: number): { readonly reason?: string } {
  if (rows === whole) return {};
  return { reason: `an excerpt of ${number(rows)} of ${number(whole)} rows` };
}

/** What two files have, one for training and one for testing. */
export interface TrainAndTest {
  readonly train: number;
  readonly test: number;
}

/** The same of a set that comes in files for training and for testing. */
export function excerptOfTwo(rows: TrainAndTest, whole: TrainAndTest, what: string): { readonly reason?: string } {
  if (rows.train === whole.train && rows.test === whole.test) return {};
  const of = (part: keyof TrainAndTest): string => `${number(rows[part])} of ${number(whole[part])}`;
  return { reason: `an excerpt of ${of('train')} training and ${of('test')} test ${what}` };
}
