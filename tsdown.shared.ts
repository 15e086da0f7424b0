import { defineConfig, type UserConfig } from 'tsdown';

/**
 * The build of a published package: ES modules with types, one for each source file, so that a bundler can drop what a
 * program does not import. Types are resolved against the other packages' built declarations, not their source, so that
 * a declaration never names a path inside another package.
 */
export function library(entry: Record<string, string>): UserConfig {
  return defineConfig({
    entry,
    format: 'esm',
    unbundle: true,
    platform: 'neutral',
    deps: { neverBundle: [/^node:/] },
    target: 'es2022',
    dts: { compilerOptions: { customConditions: [] } },
    sourcemap: true,
    fixedExtension: false,
  });
}
