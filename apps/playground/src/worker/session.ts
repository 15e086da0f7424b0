import { batches, batchesPerEpoch, type Batch, type Dataset } from '@sparseflow/datasets';
import { adamW, disposeCheckpoint, type Optimizer } from '@sparseflow/optim';
import { applyMasks, type PruneResult } from '@sparseflow/pruning';
import { fold, key, splitKey, type Key } from '@sparseflow/tensor';
import { modelNames, type KeptModel, type ModelName, type ModelReport } from '../protocol.ts';
import type { Settings } from '../settings.ts';
import type { Opened } from './backends.ts';
import { dataOf } from './data.ts';
import { readModel, writeModel, type Opened as OpenedFile } from './files.ts';
import { Learner, START, type Position, type Stepped } from './learner.ts';
import { modelOf, type Model } from './model.ts';

/** Randomness by purpose, as in the studies of apps/reproduce: models of a seed differ in nothing but what was done to them. */
export function keysOf(
  seed: number,
  round = 0,
): { readonly [purpose in 'init' | 'prune' | 'train' | 'samples' | 'analysis']: Key } {
  const root = key(seed);
  return {
    init: fold(root, 1),
    prune: fold(fold(root, 2), round),
    train: fold(fold(root, 3), round),
    samples: fold(root, 4),
    analysis: fold(root, 5),
  };
}

export interface StepOf extends Stepped {
  readonly model: ModelName;
}

/** One data set, and up to three models that learn it under the same settings, on one backend. */
export class Session {
  readonly settings: Settings;
  readonly opened: Opened;
  readonly data: Dataset;
  readonly model: Model;
  readonly #optimizer: Optimizer;
  readonly #learners = new Map<ModelName, Learner>();
  /** The batches that follow, and the position of those who wait for them. */
  #stream: { readonly round: number; step: number; readonly batches: Iterator<Batch> } | undefined;

  constructor(settings: Settings, opened: Opened) {
    this.settings = settings;
    this.opened = opened;
    this.data = dataOf(settings);
    this.model = modelOf(settings, opened.backend);
    this.#optimizer = adamW({ learningRate: settings.learningRate, weightDecay: 1e-5 });
  }

  /** With a fresh dense model. */
  static async fresh(settings: Settings, opened: Opened): Promise<Session> {
    const session = new Session(settings, opened);
    await session.#start('dense', { params: session.model.init(keysOf(settings.seed).init) }, START);
    return session;
  }

  /** With models that were kept, on this backend or another. */
  static async restored(settings: Settings, opened: Opened, kept: readonly KeptModel[]): Promise<Session> {
    const session = new Session(settings, opened);
    try {
      for (const { name, bytes } of kept) {
        const { checkpoint, position } = readModel(name, bytes, settings, opened.backend);
        await session.#start(name, checkpoint, position);
      }
      return session;
    } catch (error) {
      session.dispose();
      throw error;
    }
  }

  learner(name: ModelName): Learner | undefined {
    return this.#learners.get(name);
  }

  /** In the order in which they are shown. */
  get learners(): readonly Learner[] {
    return modelNames.flatMap((name) => this.#learners.get(name) ?? []);
  }

  /** Once there is a pruned model, it and the control train; the dense one stays what they began as. */
  get training(): readonly Learner[] {
    const pruned = this.learners.filter(({ name }) => name !== 'dense');
    return pruned.length > 0 ? pruned : this.learners;
  }

  get reports(): readonly ModelReport[] {
    return this.learners.map(({ report }) => report);
  }

  /** One step of all that train, on the same batch and with the same noise. */
  async step(): Promise<StepOf[]> {
    const training = this.training;
    const { round, step } = training[0]!.position;
    const { train } = keysOf(this.settings.seed, round);
    const batch = this.#batch(round, step, train);
    const results: StepOf[] = [];
    for (const learner of training)
      results.push({ model: learner.name, ...(await learner.step(batch, fold(train, step))) });
    return results;
  }

  #batch(round: number, step: number, train: Key): Batch {
    if (this.#stream?.round !== round || this.#stream.step !== step) {
      const { batch: batchSize } = this.settings;
      const perEpoch = batchesPerEpoch(this.data.train, batchSize);
      const cursor = { epoch: Math.floor(step / perEpoch), index: step % perEpoch };
      const stream = batches(this.data.train, { key: splitKey(train)[0]!, batchSize, ...cursor, epochs: Infinity });
      this.#stream = { round, step, batches: stream };
    }
    this.#stream.step += 1;
    return this.#stream.batches.next().value as Batch;
  }

  /** Begins the next round with a pruned model: it and the control start with fresh optimisers. The result's tensors are taken over. */
  async beginRound({ params, masks }: Pick<PruneResult, 'params' | 'masks'>, from: Learner): Promise<void> {
    const { round, total } = from.position;
    const position = { round: round + 1, step: 0, total };
    const control = this.#learners.get('control') ?? this.#learners.get('dense');
    const unpruned = control && applyMasks(control.params, control.masks);
    await this.#start('sparse', { params, masks }, position);
    if (unpruned)
      await this.#start('control', { params: unpruned }, { ...control.position, round: round + 1, step: 0 });
  }

  unprune(): void {
    for (const name of ['sparse', 'control'] as const) this.#drop(name);
  }

  /** Puts a model from a file in its place: `sparse` where something is pruned. */
  async adopt({ checkpoint, position }: OpenedFile): Promise<void> {
    const isSparse = Object.keys(checkpoint.masks ?? {}).length > 0;
    await this.#start(isSparse ? 'sparse' : 'dense', checkpoint, position);
  }

  async #start(name: ModelName, checkpoint: Parameters<typeof Learner.start>[3], position: Position): Promise<void> {
    try {
      const learner = await Learner.start(name, this.model, this.#optimizer, checkpoint, position);
      this.#drop(name);
      this.#learners.set(name, learner);
    } catch (error) {
      disposeCheckpoint(checkpoint);
      throw error;
    }
  }

  #drop(name: ModelName): void {
    this.#learners.get(name)?.dispose();
    this.#learners.delete(name);
  }

  /** All models as files. */
  async keep(): Promise<readonly KeptModel[]> {
    const unmeasured = { nll: 0, standardError: 0 };
    return Promise.all(
      this.learners.map(async (learner) => ({
        name: learner.name,
        bytes: await writeModel(learner, this.settings, unmeasured),
      })),
    );
  }

  dispose(): void {
    for (const name of modelNames) this.#drop(name);
  }
}
