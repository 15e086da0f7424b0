import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * Bundles the program from the sources of the whole workspace, so that a test of the real command line needs no build beforehand and
 * never runs a stale one. It must lie below this package, where its dependencies are found.
 *
 * @param studies a module that takes the place of the program's studies.
 * @returns path of the program.
 */
export async function bundleProgram(directory: string, studies?: URL): Promise<string> {
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
    plugins: studies === undefined ? [] : [inPlaceOfStudies(fileURLToPath(studies))],
    logLevel: 'error',
  });
  return `${directory}/cli.js`;
}

const inPlaceOfStudies = (path: string): Plugin => ({
  name: 'studies',
  setup: ({ onResolve }) => onResolve({ filter: /\/studies\/index\.ts$/ }, () => ({ path })),
});
