import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * Bundles the program from the sources of the whole workspace, so that a test of the real command line needs no build beforehand and
 * never runs a stale one. It must lie below this package, where its dependencies are found.
 *
 * @returns path of the program.
 */
export async function bundleProgram(directory: string): Promise<string> {
  const { dependencies } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    readonly dependencies: Readonly<Record<string, string>>;
  };
  await build({
    absWorkingDir: root,
    entryPoints: { cli: 'src/cli.ts', worker: 'src/run/worker.ts' },
    outdir: directory,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    conditions: ['@sparseflow/source'],
    external: [...Object.keys(dependencies).filter((name) => !name.startsWith('@sparseflow/')), '@tensorflow/*'],
    logLevel: 'error',
  });
  return `${directory}/cli.js`;
}
