import { expect, test } from 'vitest';
import { costTable } from './index.ts';
import type { CostReport } from './index.ts';

const dense: CostReport = {
  parameters: 4226,
  nonZeros: 4226,
  bytes: 16904,
  sparseBytes: 17433,
  multiplyAdds: 83200,
  nonZeroMultiplyAdds: 83200,
  nfe: 20,
};

test('every column before and after, and how many times less it is', () => {
  const masked = { ...dense, nonZeros: 422, nonZeroMultiplyAdds: 8320, milliseconds: 2.5 };
  const small = {
    ...masked,
    parameters: 422,
    bytes: 1688,
    nfe: 16,
    multiplyAdds: 6656,
    nonZeroMultiplyAdds: 6656,
    milliseconds: 0.5,
  };
  expect(costTable({ 'dense | old': { ...dense, milliseconds: 2.5 }, masked, compacted: small }))
    .toMatchInlineSnapshot(`
    "| model | parameters | non-zeros | bytes | NFE | multiply-adds × NFE | without zeros | ms |
    | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
    | dense \\| old | 4,226 | 4,226 | 16,904 | 20 | 83,200 | 83,200 | 2.5 |
    | masked | 4,226 | 422 (÷ 10.01) | 16,904 | 20 | 83,200 | 8,320 (÷ 10.00) | 2.5 |
    | compacted | 422 (÷ 10.01) | 422 (÷ 10.01) | 1,688 (÷ 10.01) | 16 (÷ 1.25) | 6,656 (÷ 12.50) | 6,656 (÷ 12.50) | 0.5 (÷ 5.00) |"
  `);
});

test('what was not timed has no time, and what some have not is a dash', () => {
  expect(costTable({ dense })).not.toContain('ms');
  expect(costTable({ dense, timed: { ...dense, milliseconds: 1 } }).split('\n')[2]).toMatch(/\| – \|$/);
  expect(costTable({ dense: { ...dense, milliseconds: 1 }, untimed: dense }).split('\n')[3]).toMatch(/\| – \|$/);
});
