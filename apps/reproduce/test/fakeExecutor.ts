import type { Analysis } from '../src/analysis.ts';
import type { PlannedPoint } from '../src/plan.ts';
import type { Executor, Handlers, Job, Measured, Outcome } from '../src/run/executor.ts';
import type { Artefact } from '../src/results/store.ts';
import { studies } from '../src/studies/index.ts';
import { isAnalysis, isMlp } from '../src/study.ts';
import { sampleArtefact } from './sample.ts';

export interface FakeOptions {
  readonly size: number;
  readonly stop?: { raised(): boolean };
  readonly diverges?: (point: PlannedPoint) => boolean;
  readonly fails?: (point: PlannedPoint) => boolean;
  /** Called when a point starts. */
  readonly onStart?: (point: PlannedPoint) => void;
  /** Turns of the event loop that a point takes; by default more for later rounds, so that points end out of order. */
  readonly turns?: (point: PlannedPoint) => number;
}

export interface FakeExecutor extends Executor {
  readonly started: string[];
  readonly mostAtOnce: () => number;
}

/** Numbers that depend on the configuration alone, as those of a real training do. */
export function fakeMeasured({ config, address }: PlannedPoint): Measured {
  const noise = Number.parseInt(address.slice(0, 6), 16) / 0xffffff;
  const testNll = 1.3 - 0.05 * config.round + 0.02 * noise + (config.method === 'random' ? 0.1 : 0);
  return {
    parameters: Math.floor(642 * config.keepRatio),
    epochs: config.training.epochs * (config.round + 1),
    trainNll: testNll - 0.01,
    validationNll: testNll + 0.01,
    testNll,
    nfeForward: 26,
    nfeBackward: 26,
  };
}

/** Quantities that any report can show: what the analyses measure, by the names of their studies. */
function fakeAnalysis({ config, address }: PlannedPoint): Outcome {
  const { kind } = config.analysis!;
  const measures =
    studies.filter(isAnalysis).find(({ budgets }) => budgets.smoke.analysis.kind === kind)!.measures ?? [];
  const noise = Number.parseInt(address.slice(0, 6), 16) / 0xffffff;
  return {
    status: 'analysed',
    quantities: Object.fromEntries(measures.map(({ name }, i) => [name, { value: i + noise, standardError: 0.1 }])),
    parameters: 642,
    epochs: 3,
    seconds: 1,
    artefact: { extent: 2.4, arrays: fakeArrays(kind) },
  };
}

/** What the figures of an analysis need, in its smallest form. */
function fakeArrays(kind: Analysis['kind']): Artefact['arrays'] {
  const array = (...shape: number[]) => {
    const size = shape.reduce((product, n) => product * n, 1);
    return { shape, values: Float32Array.from({ length: size }, (_, i) => Math.sin(i) + 0.1) };
  };
  switch (kind) {
    case 'curvature':
      return {
        ritz: array(2, 5),
        weights: { shape: [2, 5], values: new Float32Array(10).fill(0.2) },
        line: array(3),
        lossAlongLine: array(3),
        top: array(3),
        lossAlongTop: array(3),
        plane: array(3),
        lossOnPlane: array(3, 3),
      };
    case 'sample-quality':
      return { samples: array(20, 2), modes: array(6, 2) };
    case 'image-quality':
      return { images: array(4, 2, 2, 1) };
    case 'vector-field':
      return { velocities: array(6, 6, 2), trajectories: array(5, 4, 2) };
  }
}

/** Stands in for the worker threads: computes nothing, but takes its time and keeps their promises. */
export function fakeExecutor(options: FakeOptions): FakeExecutor {
  const started: string[] = [];
  let active = 0;
  let most = 0;
  const run = async ({ planned }: Job, handlers: Handlers): Promise<Outcome> => {
    options.onStart?.(planned);
    const turns = options.turns?.(planned) ?? 3 + ((planned.config.round * 7 + planned.address.charCodeAt(0)) % 5);
    for (let turn = 0; turn < turns; turn++) {
      await new Promise((resolve) => setImmediate(resolve));
      if (options.stop?.raised() === true) return { status: 'stopped' };
      const epochs = planned.config.training.epochs;
      handlers.onProgress({
        epoch: (epochs * (turn + 1)) / turns,
        epochs,
        loss: 1.5,
        nfeForward: 26,
        nfeBackward: 26,
        phase: 'train',
      });
    }
    if (options.fails?.(planned) === true) throw new Error(`${planned.label} is broken`);
    if (options.diverges?.(planned) === true) {
      return { status: 'diverged', reason: 'the loss became NaN', parameters: 642, epochs: 3, seconds: 1 };
    }
    if (planned.config.analysis !== undefined) return fakeAnalysis(planned);
    const { net, draw } = planned.config;
    if (!isMlp(net) && net.kind === 'multiscale') {
      const shape = [4, ...net.shape];
      const images = { shape, values: new Float32Array(shape.reduce((n, m) => n * m, 1)) };
      const quantities = { bitsPerDim: { value: fakeMeasured(planned).testNll, standardError: null } };
      const artefact = draw === null ? {} : { artefact: { extent: 1, arrays: { images } } };
      return { status: 'ok', measured: { ...fakeMeasured(planned), quantities }, seconds: 2, ...artefact };
    }
    const artefact = draw === null ? {} : { artefact: sampleArtefact(0.25, 0.2, planned.config.method === 'dense') };
    return { status: 'ok', measured: fakeMeasured(planned), seconds: 2, ...artefact };
  };
  return {
    size: options.size,
    started,
    mostAtOnce: () => most,
    async run(job, handlers) {
      started.push(job.planned.address);
      active += 1;
      most = Math.max(most, active);
      try {
        return await run(job, handlers);
      } finally {
        active -= 1;
      }
    },
    close: () => Promise.resolve(),
  };
}
