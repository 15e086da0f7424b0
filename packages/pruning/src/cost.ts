import type { Masks, Params } from '@sparseflow/tensor';
import { PruningError } from './errors.ts';
import { countNonZero } from './report.ts';
import { checkSameShapes } from './units.ts';

export interface CostOptions {
  /** Evaluations of the model per use, such as the solver's. Default 1. */
  readonly nfe?: number;
  /** How often each weight is used in an evaluation of one row: output positions of a convolution. Default 1. */
  readonly positions?: Readonly<Record<string, number>>;
  /** One use of the model, to be timed. It is run once before, to warm up. */
  readonly run?: () => unknown;
  /** How often it is timed. Default 5. */
  readonly repeats?: number;
}

/** What a model costs. Plain JSON. */
export interface CostReport {
  /** Entries that are stored, zeros included. */
  readonly parameters: number;
  readonly nonZeros: number;
  /** Bytes of the parameters as they are in memory. */
  readonly bytes: number;
  /** Bytes of the values that are not zero, and a bit per entry that says which they are. */
  readonly sparseBytes: number;
  /** Multiply-adds per row of data, all evaluations together, by kernels that multiply zeros too. */
  readonly multiplyAdds: number;
  /** The same by kernels that leave zeros out. */
  readonly nonZeroMultiplyAdds: number;
  readonly nfe: number;
  /** Median time of a use, where `run` was given. */
  readonly milliseconds?: number;
}

const BYTES = { float32: 4, float64: 8, int32: 4 } as const;

/**
 * Counts and times what a model costs; compare the reports before and after. Every entry of a parameter of rank 2 and more is one
 * multiply-add per row, position and evaluation; biases and activations are left out.
 *
 * A mask alone changes only the numbers of non-zeros: call this again with what {@link compact} made.
 *
 * @throws {PruningError} when masks or positions do not fit the parameters, or a number is not a count
 *
 * @example
 * ```ts
 * import { costReport } from '@sparseflow/pruning';
 * import { tensor } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 *
 * const params = { weight: tensor([[1, 0], [3, 4]], { backend: createReferenceBackend() }) };
 * const { multiplyAdds, nonZeroMultiplyAdds } = await costReport(params, undefined, { nfe: 10 });
 * console.log(multiplyAdds, nonZeroMultiplyAdds); // 40, 30
 * ```
 */
export async function costReport(params: Params, masks?: Masks, options: CostOptions = {}): Promise<CostReport> {
  const { nfe = 1, positions = {}, run, repeats = 5 } = options;
  for (const [what, n] of Object.entries({ nfe, repeats, ...positions })) {
    if (!(n > 0 && Number.isFinite(n)))
      throw new PruningError('costReport', `${what} is ${n}`, 'pass a positive number');
  }
  checkSameShapes('costReport', params, masks ?? {}, 'the masks record');
  const unknown = Object.keys(positions).find((name) => params[name] === undefined);
  if (unknown !== undefined) {
    throw new PruningError(
      'costReport',
      `positions has '${unknown}', which is not a parameter`,
      `use the names ${Object.keys(params).join(', ')}`,
    );
  }
  let parameters = 0;
  let nonZeros = 0;
  let bytes = 0;
  let sparseBytes = 0;
  let multiplyAdds = 0;
  let nonZeroMultiplyAdds = 0;
  for (const [name, param] of Object.entries(params)) {
    const mask = masks?.[name];
    const left = await countNonZero({ [name]: param }, mask && { [name]: mask });
    const uses = param.rank < 2 ? 0 : nfe * (positions[name] ?? 1);
    parameters += param.size;
    nonZeros += left;
    bytes += param.size * BYTES[param.dtype];
    sparseBytes += left * BYTES[param.dtype] + Math.ceil(param.size / 8);
    multiplyAdds += param.size * uses;
    nonZeroMultiplyAdds += left * uses;
  }
  const counts = { parameters, nonZeros, bytes, sparseBytes, multiplyAdds, nonZeroMultiplyAdds, nfe };
  return run ? { ...counts, milliseconds: await medianTime(run, Math.ceil(repeats)) } : counts;
}

async function medianTime(run: () => unknown, repeats: number): Promise<number> {
  await run();
  const times: number[] = [];
  for (let i = 0; i < repeats; i++) {
    const start = performance.now();
    await run();
    times.push(performance.now() - start);
  }
  return times.sort((a, b) => a - b)[repeats >> 1]!;
}
