import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const script = fileURLToPath(new URL('../../../scripts/doctor.mjs', import.meta.url));

/** The command itself, which builds what is out of date first. */
function doctor(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [script, ...args], (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
    );
  });
}

test('says what works and to which order, what does not and why', { timeout: 300_000 }, async () => {
  const { code, stdout } = await doctor('--json', '--backend', 'reference', '--backend', 'tfjs-webgl');
  expect(code).toBe(0);
  const { backends } = JSON.parse(stdout) as { backends: { operations?: { op: string }[] }[] };
  const [reference, webgl] = backends;
  expect(reference).toMatchObject({ name: 'reference', usable: true });
  expect(reference!.operations!.find(({ op }) => op === 'dualMlp')).toEqual({ op: 'dualMlp', order: 3, asked: 3 });
  expect(reference!.operations!.every((each) => !('failure' in each))).toBe(true);
  expect(webgl).toEqual({
    name: 'tfjs-webgl',
    usable: false,
    reason: "backend 'tfjs-webgl': WebGL needs a browser",
    remedy: 'use wasm, webgpu or node-gpu in Node',
  });

  const text = await doctor('--quick', '--backend', 'reference', '--backend', 'tfjs-webgl');
  expect(text.code).toBe(0);
  expect(text.stdout).toBe(`reference: works (float64, float32, int32)
tfjs-webgl: does not work here
  why: backend 'tfjs-webgl': WebGL needs a browser
  to fix: use wasm, webgpu or node-gpu in Node
`);
  // Before it, what is out of date may be said to be built.
  expect(text.stderr).toMatch(/(^|\n)trying reference …\ntrying tfjs-webgl …\n$/);
  expect(text.stderr).not.toContain('\u001b');

  const unknown = await doctor('--backend', 'cuda');
  expect(unknown.code).toBe(2);
  expect(unknown.stdout).toBe('');
  expect(unknown.stderr).toContain('--backend cuda is unknown. To fix: use one of: native, wasm, reference,');
});
