/** The workspace's packages are imported from source, so that no test needs a build. Vite's own conditions follow. */
export const source = {
  resolve: { conditions: ['@sparseflow/source', 'module', 'browser', 'development|production'] },
  ssr: { resolve: { conditions: ['@sparseflow/source', 'module', 'node', 'development|production'] } },
};
