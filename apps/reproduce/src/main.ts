import { exportPoints } from './commands/export.ts';
import { listStudies } from './commands/list.ts';
import { mergeResults } from './commands/merge.ts';
import { rebuildReport } from './commands/report.ts';
import { runStudies } from './commands/run.ts';
import { parseCommandLine } from './commandLine.ts';
import { UsageError } from './errors.ts';
import { asFileFailure } from './results/fileFailure.ts';
import type { ExitCode, Surroundings } from './surroundings.ts';
import { exitCodes } from './surroundings.ts';

export { exitCodes } from './surroundings.ts';

/**
 * The program.
 *
 * @param argv arguments after the program's name.
 * @returns the exit code.
 */
export async function main(argv: readonly string[], surroundings: Surroundings): Promise<ExitCode> {
  const { cwd, stdout, stderr, studies } = surroundings;
  try {
    const request = parseCommandLine(argv, cwd, (text) => void stdout.write(text));
    switch (request?.command) {
      case undefined:
        return exitCodes.ok;
      case 'run':
        return await runStudies(request.options, argv, surroundings);
      case 'list':
        stdout.write(listStudies(studies, request.json));
        return exitCodes.ok;
      case 'merge':
        return mergeResults(request, argv, surroundings);
      case 'report':
        return rebuildReport(request.out, argv, surroundings);
      case 'export':
        return exportPoints(request.out, surroundings);
    }
  } catch (error) {
    stderr.write(`${describeError(error)}\n`);
    return error instanceof UsageError ? exitCodes.usage : exitCodes.failed;
  }
}

/** One line where it is known what a person can do; otherwise where in the program it comes from. */
export function describeError(error: unknown): string {
  const known = error instanceof UsageError ? error : asFileFailure(error);
  if (known !== undefined) return known.message.replaceAll(/\s*\n\s*/g, ' ');
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
