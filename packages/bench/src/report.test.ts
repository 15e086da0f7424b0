import { describe, expect, it } from 'vitest';
import { CASES, flops, problemOf } from './cases.ts';
import { prepareKernels } from './implementations/kernels.ts';
import { preparePlainLoops } from './implementations/plainLoops.ts';
import { paths } from './paths.ts';
import { howToInstall, missing, PEERS } from './peers.ts';
import type { Row } from './report.ts';
import { disagreement } from './suites/kernels.ts';
import { ratios, withSpeedups } from './suites/peers.ts';
import { table } from './table.ts';

const row = (implementation: string, ms: number, threads = 1): Row => ({
  case: 'A',
  op: 'vjp',
  implementation,
  threads,
  ms,
  spread: 0.1,
  gflops: null,
  shareOfPeak: null,
});

describe('the work', () => {
  it('is counted as two operations for each weight, sample and direction', () => {
    expect(flops(CASES[0], 'forward')).toBe(2 * 2 * 1024 * (2 * 128 + 128 * 2));
    expect(flops(CASES[0], 'vjp')).toBe(3 * flops(CASES[0], 'forward'));
  });

  it('is the same for kernels and plain loops', async () => {
    const problem = problemOf({ name: 'small', sizes: [3, 9, 2], batch: 21 });
    const expected = await preparePlainLoops(problem).read();
    for (const { create } of paths()) {
      const prepared = prepareKernels(create(), problem);
      const actual = await prepared.read();
      // float32 against float64 on sums of at most 21 terms.
      expect(disagreement(actual.forward, expected.forward)).toBeLessThan(4e-6);
      expect(disagreement(actual.vjp, expected.vjp)).toBeLessThan(4e-6);
      prepared.dispose();
    }
  });

  it('is told apart from other work', () => {
    expect(disagreement([[1, 2]], [[1, 4]])).toBe(0.5);
    expect(disagreement([[NaN, 2]], [[1, 2]])).toBe(Infinity);
    expect(disagreement([], [[1, 2]])).toBe(Infinity);
  });
});

describe('the report', () => {
  it('compares the best of each', () => {
    const rows = [row('native', 3), row('native', 2, 2), row('PyTorch', 9), row('PyTorch', 8, 2)];
    expect(ratios(rows)).toEqual(['A vjp: 4.0× PyTorch, 2.00 ms against 8.00 ms']);
  });

  it('says what the ratio would be at the peak', () => {
    const rows = [{ ...row('native', 2), shareOfPeak: 0.8 }, row('PyTorch', 3)];
    expect(ratios(rows)).toEqual(["A vjp: 1.5× PyTorch, 2.00 ms against 3.00 ms; 1.9× at the machine's peak"]);
  });

  it('says of our rows how much faster they are on as many threads', () => {
    const rows = [
      row('native', 3),
      row('native', 2, 2),
      row('PyTorch', 9),
      row('JAX', 6),
      { ...row('PyTorch', 1), op: 'forward' },
    ];
    expect(withSpeedups(rows).map(({ speedups }) => speedups)).toEqual([
      { PyTorch: 3, JAX: 2 },
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('compares steps at equal numbers of evaluations too', () => {
    const rows = [
      { ...row('native', 2), nfe: [10, 30] as const },
      { ...row('torchdyn', 15), nfe: [20, 40] as const },
    ];
    expect(ratios(rows)).toEqual([
      'A vjp: 7.5× torchdyn, 2.00 ms (NFE 10+30) against 15.0 ms (NFE 20+40), 5.0× at equal NFE',
    ]);
  });

  it('is a table of what was measured', () => {
    const machine = { cpu: 'a CPU', cores: 2, platform: 'linux x64', node: '20.0.0' };
    const peaks = [{ implementation: 'native', threads: 1, gflops: 250 }];
    const speedups = { 'plain loops': 40.5, masked: 2 };
    const rows = [{ ...row('native', 1.2345), gflops: 125, shareOfPeak: 0.5, speedups }, row('plain loops', 50)];
    expect(table({ schema: 1, suite: 'kernels', machine, peakGflops: 250, peaks, rows, notes: ['one note'] }))
      .toMatchInlineSnapshot(`
        "kernels on a CPU, 2 cores, linux x64, Node 20.0.0
        peak in GFLOP/s, measured now: native × 1: 250

        case  operation  implementation  threads    ms     ±  GFLOP/s  of peak  faster
        A     vjp        native                1  1.23  10 %      125     50 %  40.50× plain loops, 2.00× masked
        A     vjp        plain loops           1  50.0  10 %

        one note"
      `);
  });
});

describe('a peer', () => {
  it('that cannot be imported is named with how to install it', async () => {
    const peer = { ...PEERS[0]!, modules: ['json', 'no_such_module'] };
    const absent = await missing(peer);
    expect(absent).toContain('no_such_module');
    expect(howToInstall(peer, absent)).toContain('-m pip install');
  });
});
