// `pnpm size`: what a package costs in a web page, minified and gzipped, against its limit. Dependencies do not count.
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

/** kB = 1000 bytes. */
const LIMITS = { tensor: 25, 'ode-solvers': 10 };

for (const [name, limit] of Object.entries(LIMITS)) {
  const entry = new URL(`../packages/${name}/dist/index.js`, import.meta.url).pathname;
  const options = { bundle: true, minify: true, format: 'esm', target: 'es2022', write: false, packages: 'external' };
  const { outputFiles } = await build({ ...options, entryPoints: [entry] });
  const size = gzipSync(outputFiles[0].contents, { level: 9 }).length / 1000;
  const verdict = size <= limit ? 'ok' : 'TOO LARGE';
  console.log(`@sparseflow/${name}: ${size.toFixed(2)} kB of ${limit} kB minified and gzipped: ${verdict}`);
  if (size > limit) process.exitCode = 1;
}
