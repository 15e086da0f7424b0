import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));

/** The package as it is installed: outside of the workspace, nothing compiled. */
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sparseflow-build-'));
  for (const name of ['native', 'scripts', 'package.json'])
    cpSync(join(root, name), join(folder, name), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function install(env: Record<string, string>): { status: number | null; lines: string[] } {
  const script = join(folder, 'scripts/build-native.mjs');
  const { status, stderr } = spawnSync(process.execPath, [script, '--install'], { env, encoding: 'utf8' });
  return {
    status,
    lines: stderr
      .replaceAll(folder, '…')
      .replace(/To build them: .*?; then/, 'To build them: …; then')
      .trimEnd()
      .split('\n'),
  };
}

function fakeCompiler(body: string): string {
  const path = join(folder, 'compiler.sh');
  writeFileSync(path, `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  return path;
}

describe('the install script', () => {
  it('succeeds without a compiler, and says in one line what runs and how to get one', () => {
    const { status, lines } = install({ PATH: '' });
    expect(status).toBe(0);
    expect(lines).toMatchInlineSnapshot(`
      [
        "@sparseflow/backend-cpu: native kernels not built (no C++ compiler); WebAssembly runs instead. To build them: …; then node …/scripts/build-native.mjs",
      ]
    `);
  });

  it('succeeds with a compiler that fails, and leaves nothing half-built', () => {
    const CXX = fakeCompiler('[ "$1" = --version ] && exit 0; echo "x.cpp:1: error: too old" >&2; exit 1');
    const { status, lines } = install({ PATH: process.env['PATH']!, CXX });
    expect(status).toBe(0);
    expect(lines).toMatchInlineSnapshot(`
      [
        "@sparseflow/backend-cpu: native kernels not built (the compiler failed: x.cpp:1: error: too old); WebAssembly runs instead. To build them: …; then node …/scripts/build-native.mjs",
      ]
    `);
    expect(readdirSync(join(folder, 'build'))).toEqual([]);
  });

  it('compiles once, and again when a source changes', () => {
    const CXX = fakeCompiler('[ "$1" = --version ] && exit 0; while [ "$1" != -o ]; do shift; done; touch "$2"');
    const env = { PATH: process.env['PATH']!, CXX };
    expect(install(env).lines[0]).toContain('native kernels built');
    expect(existsSync(join(folder, `build/sparseflow-${process.platform}-${process.arch}.node`))).toBe(true);
    expect(install(env).lines).toEqual(['']);
    writeFileSync(join(folder, 'native/simd.hpp'), '// changed');
    expect(install(env).lines[0]).toContain('native kernels built');
  });

  it('does nothing in the workspace, whose build compiles', () => {
    const script = join(root, 'scripts/build-native.mjs');
    const { status, stderr } = spawnSync(process.execPath, [script, '--install'], {
      env: { PATH: '' },
      encoding: 'utf8',
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });
});
