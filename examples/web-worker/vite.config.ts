import { defineConfig } from 'vite';

export default defineConfig({
  // Shared memory, and so threads within the worker, are for pages that are served with these headers.
  server: {
    headers: { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' },
  },
  worker: { format: 'es' },
  // In this repository the packages are used from source. Outside it, leave this line out.
  resolve: { conditions: ['@sparseflow/source', 'module', 'browser', 'development|production'] },
});
