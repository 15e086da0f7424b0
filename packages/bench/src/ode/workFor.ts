import type { Row } from '../report.ts';

/**
 * The work of one implementation for an error at the end, between those of the two tolerances that it lies between: on the straight line of
 * the work-precision diagram, whose axes are logarithmic. Undefined where no two tolerances have it between them.
 */
export function workFor(rows: readonly Row[], error: number): { evaluations: number; ms: number } | undefined {
  for (let i = 1; i < rows.length; i++) {
    const [loose, tight] = [rows[i - 1]!, rows[i]!];
    if (!(loose.error! >= error && tight.error! <= error)) continue;
    const share =
      loose.error === tight.error ? 0 : Math.log(error / loose.error!) / Math.log(tight.error! / loose.error!);
    const between = (a: number, b: number): number => a * (b / a) ** share;
    return { evaluations: between(loose.nfe![0], tight.nfe![0]), ms: between(loose.ms, tight.ms) };
  }
  return undefined;
}

/** What errors take each implementation, a line for each case and error that somebody reaches. */
export function workNotes(rows: readonly Row[], errors: readonly number[]): string[] {
  const measured = rows.filter(({ error, nfe }) => error !== undefined && nfe !== undefined);
  return [...new Set(measured.map((row) => row.case))].flatMap((name) => {
    const own = measured.filter((row) => row.case === name);
    return errors.flatMap((error) => {
      const each = [...new Set(own.map(({ implementation }) => implementation))].flatMap((implementation) => {
        const work = workFor(
          own.filter((row) => row.implementation === implementation),
          error,
        );
        if (!work) return [];
        const evaluations = Math.round(work.evaluations).toLocaleString('en');
        return [`${implementation} ${evaluations}; ${work.ms.toPrecision(3)} ms`];
      });
      return each.length === 0
        ? []
        : [`${name}, evaluations and time for an error of ${error.toExponential()}: ${each.join(', ')}`];
    });
  });
}
