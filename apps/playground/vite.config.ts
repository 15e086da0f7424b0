import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig, type Plugin } from 'vite';

/** Without them a page has no SharedArrayBuffer, and so no threads. Hosts that cannot send headers get them from the service worker. */
const headers = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

/** Tells the service worker what the site consists of, and a name that changes with any of it. */
function precache(): Plugin {
  let folder = '';
  return {
    name: 'precache',
    apply: 'build',
    configResolved(config) {
      folder = join(config.root, config.build.outDir);
    },
    writeBundle() {
      const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
        .filter((name) => statSync(join(folder, name)).isFile() && name !== 'sw.js' && !name.endsWith('.map'))
        .sort();
      const hash = createHash('sha256');
      for (const name of files) hash.update(name).update(readFileSync(join(folder, name)));
      const worker = join(folder, 'sw.js');
      const site = JSON.stringify({ version: hash.digest('hex').slice(0, 16), files });
      writeFileSync(worker, `self.site=${site};${readFileSync(worker, 'utf8')}`);
    },
  };
}

/** Of TensorFlow.js only WebGPU is used. */
const unused = ['cpu', 'wasm', 'webgl'].map((name) => ({
  find: new RegExp(`^@tensorflow/tfjs-backend-${name}$`),
  replacement: new URL('src/worker/unused.ts', import.meta.url).pathname,
}));

export default defineConfig({
  // Relative, so that the site may lie in any folder of any host.
  base: './',
  resolve: { alias: unused },
  plugins: [precache()],
  worker: { format: 'es' },
  server: { headers },
  preview: { headers, port: 4173 },
  build: {
    target: 'es2022',
    chunkSizeWarningLimit: 2000,
    rollupOptions: {
      input: { index: 'index.html', sw: 'src/sw/sw.ts' },
      output: { entryFileNames: ({ name }) => (name === 'sw' ? 'sw.js' : 'assets/[name]-[hash].js') },
    },
  },
});
