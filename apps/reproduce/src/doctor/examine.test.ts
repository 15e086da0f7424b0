import { conformanceCases, type ConformanceCase, type Order } from '@sparseflow/tensor/conformance';
import { describe, expect, test } from 'vitest';
import { enableSoftwareWebGpu, requireOrExplain } from '../../../../test-support/environment.ts';
import { examine } from './examine.ts';
import { showExamining } from './progress.ts';
import { textOf } from './textOf.ts';

/** Checks of an operation at orders 0 … `asked`, of which those from `failing` on fail. */
function checks(op: string, asked: Order, failing = 4): ConformanceCase[] {
  return ([0, 1, 2, 3] as const)
    .filter((order) => order <= asked)
    .map((order) => ({
      name: `${op} order ${order}`,
      op,
      order,
      dtype: 'float64',
      run: () => (order >= failing ? Promise.reject(new Error('off by 1')) : Promise.resolve()),
    }));
}

test('each operation is listed by the order it reaches, and one whose derivatives fail not as one that has none', async () => {
  const cases = [
    ...checks('whole', 3),
    ...checks('breaks at 2', 3, 2),
    ...checks('breaks at 1', 3, 1),
    ...checks('breaks at once', 1, 0),
    ...checks('storage', 0),
  ];
  expect(textOf(await examine('reference', { cases }))).toBe(
    `reference: works (float64, float32, int32)
  derivatives to order 3: whole
  derivatives to order 1: breaks at 2
  values, nothing to differentiate: storage
  values only, derivatives fail: breaks at 1
  not even values: breaks at once
  fails: breaks at 2 order 2: off by 1
  fails: breaks at 1 order 1: off by 1
  fails: breaks at once order 0: off by 1
`,
  );
});

test('a missing package is named, with the command that installs it in this workspace', async () => {
  expect(textOf(await examine('tfjs-node-gpu'))).toBe(
    `tfjs-node-gpu: does not work here
  why: backend 'tfjs-node-gpu': the package '@tensorflow/tfjs-node-gpu' is not installed
  to fix: pnpm --filter @sparseflow/backend-tfjs add --save-dev --allow-build=@tensorflow/tfjs-node-gpu @tensorflow/tfjs-node-gpu@4.22.0
`,
  );
});

describe.runIf(requireOrExplain('WebGPU in Node', enableSoftwareWebGpu()))('WebGPU in Node', () => {
  // Three of all operations: compiling the shaders of all takes a software driver half a minute.
  test('works, with the orders of its operations', { timeout: 60_000 }, async () => {
    const tried = ['tanh', 'less', 'rowDots'];
    const cases = conformanceCases().filter(({ op }) => tried.includes(op));
    expect(await examine('tfjs-webgpu', { cases })).toEqual({
      name: 'tfjs-webgpu',
      usable: true,
      dtypes: ['float32', 'int32'],
      operations: [
        { op: 'tanh', order: 3, asked: 3 },
        { op: 'less', order: 2, asked: 2 },
        { op: 'rowDots', order: 3, asked: 3 },
      ],
    });
  });
});

describe('progress', () => {
  const examineOn = async (stream: { isTTY?: boolean; columns?: number }, term: string): Promise<string> => {
    let text = '';
    const shown = showExamining({ ...stream, write: (part: string) => (text += part) }, 'reference', { TERM: term });
    await examine('reference', { cases: [...checks('one', 0), ...checks('two', 0)], onOperation: shown.operation });
    shown.end();
    return text;
  };

  test('is a bar on a terminal, gone in the end', async () => {
    const text = await examineOn({ isTTY: true, columns: 100 }, 'xterm');
    expect(text).toContain('  0 % reference: 0/2 operations, one');
    expect(text.endsWith('\u001b[2K\u001b[G')).toBe(true); // the line is erased, the cursor at its start
  });

  test.each([
    ['in a file', {}, 'xterm'],
    ['on a terminal that cannot draw', { isTTY: true }, 'dumb'],
  ])('is one line %s', async (_, stream, term) => expect(await examineOn(stream, term)).toBe('trying reference …\n'));
});
