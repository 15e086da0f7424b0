import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as v from 'valibot';
import { enableSoftwareWebGpu, requireOrExplain } from '../../../test-support/environment.ts';
import { resultSchema, type Result } from '../src/results/schema.ts';
import { createProgram, type Program } from './program.ts';

describe.runIf(requireOrExplain('WebGPU in Node', enableSoftwareWebGpu()))('the program on backends of tfjs', () => {
  let program: Program;
  beforeAll(async () => {
    program = await createProgram('tfjs', new URL('tinyStudies.ts', import.meta.url));
  }, 60_000);
  afterAll(() => program.remove());

  const resultOn = async (backend: string): Promise<Result> => {
    const line = `gaussians --budget smoke --backend ${backend} --workers 1 --json --out ${backend}`;
    const { code, stdout, stderr } = await program.run(line);
    expect(stderr).toContain('Done in');
    expect(code).toBe(0);
    return v.parse(resultSchema, JSON.parse(stdout));
  };

  // tfjs-wasm is the same operations of tfjs on the CPU.
  test.each(['tfjs-webgpu', 'tfjs-wasm'])('gives the numbers of the CPU: %s', { timeout: 300_000 }, async (backend) => {
    const theirs = await resultOn(backend);
    const cpu = await resultOn('wasm');
    expect(theirs.backend).toBe(backend);
    // It is not our kernels that computed: the last bits are others.
    expect(theirs.points.map(({ testNll }) => testNll)).not.toEqual(cpu.points.map(({ testNll }) => testNll));
    expect(theirs.points.map(({ method, status }) => `${method} ${status}`)).toEqual([
      'dense ok',
      'unstructured ok',
      'structured ok',
      'random ok',
      'control ok',
    ]);
    theirs.points.forEach((point, i) => {
      const expected = cpu.points[i]!;
      expect(point.parameters).toBe(expected.parameters);
      expect(point.nfeForward).toBe(expected.nfeForward);
      // float32 rounds at 6e-8, and functions of a GPU may be off by some 1e-6, which twelve steps of Adam keep below 1e-5 (see gpuTraining.ts).
      for (const name of ['trainNll', 'validationNll', 'testNll'] as const)
        expect(Math.abs(point[name]! - expected[name]!), name).toBeLessThan(1e-4);
    });
  });

  test('says before a run on a GPU what memory it has counted', { timeout: 120_000 }, async () => {
    const { stdout } = await program.run('gaussians --budget smoke --backend tfjs-webgpu --dry-run');
    expect(stdout).toMatch(/^memory +about \d+ MiB, not counting what the GPU holds$/m);
  });
});
