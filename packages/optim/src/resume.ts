import { fromBuffer, mapTree, scope, shapesEqual } from '@sparseflow/tensor';
import type { Masks, Params, Tensor } from '@sparseflow/tensor';
import type { Checkpoint, EpochRecord, TrainingCursor } from './checkpoint.ts';
import { ResumeMismatchError } from './errors.ts';
import type { FitOptions } from './fitTypes.ts';
import type { OptimizerState } from './optimizer.ts';
import { release, splitState } from './stateTree.ts';

/** Where a run begins. All tensors belong to the run. */
export interface Start {
  readonly params: Params;
  readonly state: OptimizerState;
  readonly cursor: TrainingCursor;
  readonly history: readonly EpochRecord[];
  readonly best: Checkpoint['best'];
  readonly resumed: boolean;
}

/** The beginning of a run, or where its store says it was. @internal */
export async function resume<Batch>(options: FitOptions<Batch>): Promise<Start> {
  const stored = await options.checkpoint?.store.load();
  if (!stored) return begin(options);
  let start: Start | undefined;
  try {
    const { params, optimizer, key, cursor, history = [], best } = stored;
    if (optimizer === undefined || !key || !cursor) throw new ResumeMismatchError('a model, but no training state');
    checkSame(options, { ...stored, optimizer, key });
    if (!(await sameValues(stored.masks ?? {}, options.masks ?? {}))) throw new ResumeMismatchError('other masks');
    // Without its parameters a best epoch is of no use to keepBest; without keepBest they are of no use.
    const usable = !options.keepBest
      ? best && { epoch: best.epoch, value: best.value }
      : best?.params
        ? best
        : undefined;
    start = { params, state: optimizer, cursor, history, best: usable, resumed: true };
    return start;
  } finally {
    release(stored, start);
  }
}

function begin<Batch>({ params, optimizer }: FitOptions<Batch>): Start {
  return scope(() => {
    const own = mapTree(params, copyTensor);
    return {
      params: own,
      state: optimizer.init(own),
      cursor: { epoch: 0, batch: 0, step: 0, lossSum: 0, metricSums: {} },
      history: [],
      best: undefined,
      resumed: false,
    };
  });
}

function checkSame<Batch>(
  options: FitOptions<Batch>,
  stored: Checkpoint & Required<Pick<Checkpoint, 'key'>> & { readonly optimizer: OptimizerState },
): void {
  if (stored.key!.words.some((word, i) => word !== options.key.words[i])) throw new ResumeMismatchError('another key');
  const metadata = options.checkpoint?.metadata ?? {};
  const names = new Set([...Object.keys(metadata), ...Object.keys(stored.metadata ?? {})]);
  for (const name of names) {
    const [was, is] = [stored.metadata?.[name], metadata[name]].map((value) => JSON.stringify(value) ?? 'nothing');
    if (was !== is) throw new ResumeMismatchError(`metadata '${name}' = ${was}, where this run has ${is}`);
  }
  const fresh = options.optimizer.init(options.params);
  try {
    const [was, is] = [describe(stored.params), describe(options.params)];
    if (was !== is) throw new ResumeMismatchError(`parameters ${was}, where this run has ${is}`);
    if (describe(stored.optimizer) !== describe(fresh)) throw new ResumeMismatchError('the state of another optimiser');
  } finally {
    release(fresh, options.params);
  }
}

/** Structure, shapes and element types. */
function describe(tree: OptimizerState): string {
  const { shape, tensors } = splitState(tree);
  const structure = JSON.stringify(shape, (_, value: unknown) => (typeof value === 'number' ? 0 : value));
  return `${structure} ${tensors.map(([path, x]) => `${path}: ${x.dtype}[${x.shape}]`).join(', ')}`;
}

async function sameValues(a: Masks, b: Masks): Promise<boolean> {
  const names = Object.keys(a);
  if (names.length !== Object.keys(b).length) return false;
  const same = await Promise.all(
    names.map(async (name) => {
      const [x, y] = [a[name]!, b[name]];
      if (!y || x.dtype !== y.dtype || !shapesEqual(x.shape, y.shape)) return false;
      const [xs, ys] = await Promise.all([x.data(), y.data()]);
      return xs.every((value, i) => value === ys[i]);
    }),
  );
  return same.every(Boolean);
}

/** The same elements in a buffer of their own. */
function copyTensor(x: Tensor): Tensor {
  return fromBuffer(x.backend, x.backend.reshape(x, x.shape), x.shape, x.dtype);
}
