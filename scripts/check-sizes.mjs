// `pnpm size`: what a package costs in a web page, minified and gzipped, against its limit. Dependencies do not count.
// And the whole site of apps/playground, every file gzipped.
import { readFileSync, readdirSync, statSync } from 'node:fs';
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

/** kB */
const SITE_LIMIT = 1500;
const site = new URL('../apps/playground/dist/', import.meta.url);
const total = readdirSync(site, { recursive: true })
  .map((name) => new URL(name, site))
  .filter((file) => statSync(file).isFile())
  .reduce((sum, file) => sum + gzipSync(readFileSync(file), { level: 9 }).length / 1000, 0);
console.log(
  `playground: ${total.toFixed(0)} kB of ${SITE_LIMIT} kB gzipped: ${total <= SITE_LIMIT ? 'ok' : 'TOO LARGE'}`,
);
if (total > SITE_LIMIT) process.exitCode = 1;
