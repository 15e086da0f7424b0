// `pnpm size`: what a package costs in a web page, minified and gzipped, against its limit. Dependencies do not count.
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

/** kB = 1000 bytes. With `names`, what is left after tree shaking of a program that imports only these. */
const LIMITS = { tensor: { limit: 25 }, 'ode-solvers': { limit: 10, names: ['solve', 'dopri5'] } };

for (const [name, { limit, names }] of Object.entries(LIMITS)) {
  const entry = new URL(`../packages/${name}/dist/index.js`, import.meta.url).pathname;
  const options = { bundle: true, minify: true, format: 'esm', target: 'es2022', write: false, packages: 'external' };
  const contents = `export { ${names} } from ${JSON.stringify(entry)}`;
  const input = names ? { stdin: { contents, resolveDir: '.' } } : { entryPoints: [entry] };
  const { outputFiles } = await build({ ...options, ...input });
  const size = gzipSync(outputFiles[0].contents, { level: 9 }).length / 1000;
  const verdict = size <= limit ? 'ok' : 'TOO LARGE';
  const part = names ? ` { ${names.join(', ')} }` : '';
  console.log(`@sparseflow/${name}${part}: ${size.toFixed(2)} kB of ${limit} kB minified and gzipped: ${verdict}`);
  if (size > limit) process.exitCode = 1;
}
