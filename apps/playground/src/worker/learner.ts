import type { Batch } from '@sparseflow/datasets';
import {
  disposeState,
  TrainingDivergedError,
  type Checkpoint,
  type Optimizer,
  type OptimizerState,
} from '@sparseflow/optim';
import { sparsityReport, type SparsityReport } from '@sparseflow/pruning';
import { disposeTree, scope, type Key, type Masks, type Params } from '@sparseflow/tensor';
import type { ModelName, ModelReport } from '../protocol.ts';
import { leanOf, wholeOf, type Lean } from './lean.ts';
import type { Model } from './model.ts';

/** Where a training is: rounds count prunings, and each starts with a fresh optimiser. */
export interface Position {
  readonly round: number;
  /** In this round. */
  readonly step: number;
  /** Since the random initialisation. */
  readonly total: number;
}

export const START: Position = { round: 0, step: 0, total: 0 };

/** What one step came to. */
export interface Stepped {
  readonly loss: number;
  readonly nfe: number;
  readonly ms: number;
}

/** A model and its training. It owns its tensors. */
export class Learner {
  readonly name: ModelName;
  readonly #lean: Lean;
  readonly #optimizer: Optimizer;
  #params: Params;
  readonly #masks: Masks;
  #state: OptimizerState;
  readonly #report: SparsityReport;
  #position: Position;

  private constructor(
    name: ModelName,
    lean: Lean,
    optimizer: Optimizer,
    { params, masks, optimizer: state }: Checkpoint,
    position: Position,
    report: SparsityReport,
  ) {
    this.name = name;
    this.#lean = lean;
    this.#optimizer = optimizer;
    this.#params = params;
    this.#masks = masks ?? {};
    this.#state = state ?? optimizer.init(params);
    this.#position = position;
    this.#report = report;
  }

  /** Takes the tensors over; without a state of the optimiser it starts with a fresh one. */
  static async start(
    name: ModelName,
    model: Model,
    optimizer: Optimizer,
    checkpoint: Checkpoint,
    position: Position,
  ): Promise<Learner> {
    const { params, masks = {} } = checkpoint;
    const report = await sparsityReport(params, masks, model.neurons);
    const lean = Object.keys(masks).length > 0 ? await leanOf(model, params, masks) : wholeOf(model);
    return new Learner(name, lean, optimizer, checkpoint, position, report);
  }

  get params(): Params {
    return this.#params;
  }

  get masks(): Masks {
    return this.#masks;
  }

  get position(): Position {
    return this.#position;
  }

  get keptShare(): number {
    return this.#report.keepRatio;
  }

  get report(): ModelReport {
    const { originalSize, size, neurons } = this.#report;
    const groups = Object.values(neurons);
    return {
      name: this.name,
      steps: this.#position.total,
      parameters: originalSize,
      kept: size,
      neurons: groups.reduce((sum, group) => sum + group.size, 0),
      neuronsKept: groups.reduce((sum, group) => sum + group.kept, 0),
    };
  }

  /** One step down the gradient of a batch. @throws {TrainingDivergedError} when the loss is not finite; nothing has then changed. */
  async step(batch: Batch, key: Key): Promise<Stepped> {
    const start = performance.now();
    const { loss, grads: small, stats } = await this.use((model, params) => model.lossAndGrad(params, batch, key));
    const grads = this.#lean.expand(small);
    try {
      const value = (await loss.data())[0]!;
      if (!Number.isFinite(value)) {
        const { step, round } = this.#position;
        const at = { step, epoch: round, lastFiniteLoss: undefined, params: this.#params };
        throw new TrainingDivergedError(`the loss is ${value}`, at);
      }
      const next = scope(() => this.#optimizer.update(grads, this.#state, this.#params, { masks: this.#masks }));
      disposeTree(this.#params);
      disposeState(this.#state);
      this.#params = next.params;
      this.#state = next.state;
      const { round, step, total } = this.#position;
      this.#position = { round, step: step + 1, total: total + 1 };
      return { loss: value, nfe: stats.nfe + stats.nfeBackward, ms: performance.now() - start };
    } finally {
      disposeTree([loss, grads]);
    }
  }

  /** Computes with the model as it is, without what is pruned. */
  use<T>(compute: (model: Model, params: Params) => Promise<T>): Promise<T> {
    return this.#lean.use(this.#params, compute);
  }

  /** Everything, lent: the tensors stay the learner's. */
  checkpoint(metadata: Readonly<Record<string, string>>): Checkpoint {
    const { round, step } = this.#position;
    return {
      params: this.#params,
      masks: this.#masks,
      optimizer: this.#state,
      cursor: { epoch: round, batch: step, step: this.#position.total, lossSum: 0, metricSums: {} },
      metadata,
    };
  }

  dispose(): void {
    disposeTree([this.#params, this.#masks]);
    disposeState(this.#state);
    this.#lean.dispose();
  }
}
