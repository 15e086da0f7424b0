import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { paths } from './paths.ts';

const cli = fileURLToPath(new URL('./cli.ts', import.meta.url));

/** `pnpm bench …` without the build, in a process of its own. */
function bench(...args: readonly string[]) {
  return spawnSync(process.execPath, ['--import', 'tsx', '--conditions=@sparseflow/source', cli, ...args], {
    encoding: 'utf8',
  });
}

interface Timed {
  readonly peaks: readonly { readonly gflops: number }[];
  readonly rows: readonly { readonly ms: number; readonly gflops: number }[];
}

// A second for each path, and a second for its peak; several times that on a busy machine.
const options = { timeout: 120_000 };

describe('the command line', () => {
  it('with --json prints the report, and nothing else, on standard output', options, () => {
    const { status, stdout, stderr } = bench('kernels', '--case', 'matMul 512', '--json');
    expect(stderr).toContain('matMul 512: ');
    expect(status).toBe(0);
    expect(stdout.trim().split('\n')).toHaveLength(1);
    const report = JSON.parse(stdout) as Timed;
    expect(report).toEqual({
      schema: 1,
      suite: 'kernels',
      machine: {
        cpu: expect.any(String),
        cores: expect.any(Number),
        platform: expect.any(String),
        node: process.versions.node,
      },
      peakGflops: Math.max(...report.peaks.map(({ gflops }) => gflops)),
      peaks: paths().map(({ name, threads }) => ({ implementation: name, threads, gflops: expect.any(Number) })),
      rows: paths().map(({ name, threads }) => ({
        case: 'matMul 512',
        op: 'forward',
        implementation: name,
        threads,
        ms: expect.any(Number),
        spread: expect.any(Number),
        gflops: expect.any(Number),
        shareOfPeak: expect.any(Number),
      })),
      notes: [],
    });
    for (const { ms, gflops } of report.rows) expect((gflops * ms) / ((2 * 512 ** 3) / 1e6)).toBeCloseTo(1, 10);
  });

  it('refuses a suite that there is not, with how it is used', options, () => {
    const { status, stdout, stderr } = bench('nonsense', '--json');
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(/^bench: 'nonsense' is not a suite\. usage: pnpm bench \[kernels\|/);
  });
});
