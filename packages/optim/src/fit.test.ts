import { disposeTree, fold, key, mul, scope, splitKey, sum, tensor, type Key, type Params } from '@sparseflow/tensor';
import { createReferenceBackend } from '@sparseflow/tensor/reference';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { regression, STEPS_PER_EPOCH, type Points } from '../test/regression.ts';
import { adam } from './adam.ts';
import { disposeCheckpoint, type Checkpoint } from './checkpoint.ts';
import { memoryCheckpointStore, type CheckpointStore } from './checkpointStore.ts';
import { TrainingDivergedError } from './errors.ts';
import { fit } from './fit.ts';
import type { FitOptions, StepEvent } from './fitTypes.ts';
import type { Optimizer } from './optimizer.ts';
import { multiStep } from './schedules.ts';
import { sgd } from './sgd.ts';

const backend = createReferenceBackend();
const bytes = (params: Params): string =>
  Object.entries(params)
    .map(([name, x]) => `${name}: ${Buffer.from(x.dataSync().buffer).toString('hex')}`)
    .join('\n');

/** One number x; a batch is its gradient, and the loss is batch · x. Every step's result is then simple arithmetic. */
function line(batches: number[], more: Partial<FitOptions<number>> = {}): FitOptions<number> {
  return {
    params: { x: tensor([0], { backend }) },
    lossAndGrad: (params, batch) => ({
      loss: scope(() => sum(mul(params['x']!, batch))),
      grads: { x: tensor([batch], { backend }) },
    }),
    batches: (_epoch, cursor) => batches.slice(cursor),
    optimizer: sgd({ learningRate: 1 }),
    epochs: 1,
    key: key(0),
    ...more,
  };
}
const x = (params: Params): number => params['x']!.dataSync()[0]!;

/** Runs, then checks that nothing is left but what is returned. */
async function withoutLeaks<T>(run: () => Promise<T>, left: (result: T) => number): Promise<T> {
  const live = backend.liveBuffers();
  const result = await run();
  expect(backend.liveBuffers()).toBe(live + left(result));
  return result;
}

describe('the loop', () => {
  test('takes the steps of the optimiser, and reports them', async () => {
    const steps: StepEvent[] = [];
    const events: unknown[] = [];
    const options = line([1, 2, 4], {
      epochs: 2,
      callbacks: {
        onStep: (event) => {
          steps.push(event);
          events.push(['step', event.epoch, event.batch, event.step, event.loss, x(event.params)]);
        },
        onEpoch: (event) => void events.push(['epoch', event.epoch, event.loss, x(event.params)]),
      },
    });
    const result = await fit(options);
    // x goes down by the batch: 0, -1, -3, -7, -8, -10, -14; the loss is x · batch before that.
    expect(events).toEqual([
      ['step', 0, 0, 0, 0, -1],
      ['step', 0, 1, 1, -2, -3],
      ['step', 0, 2, 2, -12, -7],
      ['epoch', 0, -14 / 3, -7],
      ['step', 1, 0, 3, -7, -8],
      ['step', 1, 1, 4, -16, -10],
      ['step', 1, 2, 5, -40, -14],
      ['epoch', 1, -21, -14],
    ]);
    expect(steps[0]!.learningRate).toBeUndefined();
    expect(x(result.params)).toBe(-14);
    expect(result).toMatchObject({
      stopped: 'completed',
      epochs: 2,
      steps: 6,
      history: [
        { epoch: 0, loss: -14 / 3, metrics: {} },
        { epoch: 1, loss: -21, metrics: {} },
      ],
    });
    expect(x(options.params)).toBe(0);
  });

  test('gives each step, the data and the validation a key of its own', async () => {
    const seen: [string, Key][] = [];
    await fit(
      line([1, 2], {
        epochs: 2,
        lossAndGrad: async (_params, batch, stepKey) => {
          seen.push(['step', stepKey]);
          return { loss: 1, grads: { x: tensor([batch], { backend }) } };
        },
        batches: (_epoch, _cursor, dataKey) => {
          seen.push(['data', dataKey]);
          return [1, 2];
        },
        validation: (_params, validationKey) => {
          seen.push(['validation', validationKey]);
          return 1;
        },
      }),
    );
    const [dataKey, validationKey] = splitKey(key(0));
    const epoch = (first: number) => [
      ['data', dataKey],
      ['step', fold(key(0), first)],
      ['step', fold(key(0), first + 1)],
      ['validation', validationKey],
    ];
    expect(seen).toEqual([...epoch(0), ...epoch(2)]);
  });

  test('a schedule sees steps and epochs, and replaces the learning rate', async () => {
    const rates: (number | undefined)[] = [];
    const decay = multiStep({ initial: 1, milestones: [1], factor: 0.5 });
    const onStep = (event: StepEvent): void => void rates.push(event.learningRate);
    const { params } = await fit(
      line([1, 1], { epochs: 2, schedule: (_, epoch) => decay(epoch), callbacks: { onStep } }),
    );
    expect(rates).toEqual([1, 1, 0.5, 0.5]);
    expect(x(params)).toBe(-3);
    const byStep = await fit(line([1, 1], { schedule: decay }));
    expect(x(byStep.params)).toBe(-1.5);
  });

  test('asynchronous batches, losses as numbers, means of metrics', async () => {
    const { history } = await fit(
      line([], {
        async *batches() {
          yield* [1, 3];
        },
        lossAndGrad: async (_params, batch) => ({
          loss: batch,
          grads: { x: tensor([batch], { backend }) },
          metrics: { nfe: 10 * batch },
        }),
      }),
    );
    expect(history).toEqual([{ epoch: 0, loss: 2, metrics: { nfe: 20 } }]);
  });

  test('no epochs: the same parameters in tensors of their own', async () => {
    const options = line([1], { epochs: 0 });
    const { params, stopped } = await fit(options);
    expect(params['x']).not.toBe(options.params['x']);
    expect([x(params), stopped]).toEqual([0, 'completed']);
  });

  test('masked weights are 0 in the end', async () => {
    const { params } = await fit(regression(backend, 3));
    const weights = params['in.weight']!.dataSync();
    expect([...weights].map((w) => w === 0)).toEqual([0, 1, 0, 0, 0, 0, 0, 1, 0, 0].map(Boolean));
  });

  test('two runs with one key give the same bits, another key gives others', async () => {
    const options = regression(backend, 2);
    const [a, b, c] = [await fit(options), await fit(options), await fit({ ...options, key: key(10) })];
    expect(bytes(a.params)).toBe(bytes(b.params));
    expect(a.history).toEqual(b.history);
    expect(bytes(a.params)).not.toBe(bytes(c.params));
  });

  test.each([
    [{ epochs: 1.5 }, /epochs is 1.5/],
    [{ checkpoint: { store: memoryCheckpointStore({ backend }), everySteps: 0 } }, /checkpoint.everySteps is 0/],
    [
      { checkpoint: { store: memoryCheckpointStore({ backend }), everySeconds: NaN } },
      /checkpoint.everySeconds is NaN/,
    ],
    [{ checkpoint: { store: memoryCheckpointStore({ backend }), share: 2 } }, /checkpoint.share is 2/],
    [{ keepBest: true }, /give validation/],
    [{ earlyStopping: { patience: 0 }, validation: () => 0 }, /patience is 0/],
    [{ batches: () => [] }, /epoch 0 has no batch/],
    [{ schedule: () => NaN }, /learning rate NaN/],
  ] as [Partial<FitOptions<number>>, RegExp][])('refuses %o', async (options, message) => {
    await expect(fit(line([1], options))).rejects.toThrow(message);
  });
});

describe('validation', () => {
  const values = (list: number[]) => (_params: Params, _key: Key, epoch: number) => list[epoch]!;

  test('keepBest returns the parameters of the lowest value', async () => {
    const validation = values([3, 1, 2, 1]);
    const kept = await fit(line([1], { epochs: 4, validation, keepBest: true }));
    expect([x(kept.params), kept.best]).toEqual([-2, { epoch: 1, value: 1 }]);
    const last = await fit(line([1], { epochs: 4, validation }));
    expect([x(last.params), last.best]).toEqual([-4, { epoch: 1, value: 1 }]);
  });

  test('early stopping waits `patience` epochs for something better', async () => {
    const run = async (list: number[], patience: number, minDelta = 0): Promise<[string, number]> => {
      const options = { epochs: list.length, validation: values(list), earlyStopping: { patience, minDelta } };
      const { stopped, epochs } = await fit(line([1], options));
      return [stopped, epochs];
    };
    expect(await run([3, 2, 2, 2, 1], 2)).toEqual(['earlyStopping', 4]);
    expect(await run([3, 2, 2, 1, 2], 2)).toEqual(['completed', 5]);
    expect(await run([3, 2.9, 2.8, 2.7], 2, 0.5)).toEqual(['earlyStopping', 3]);
    expect(await run([NaN, NaN, 0], 2)).toEqual(['earlyStopping', 2]);
  });

  test('a value that is not finite is never the best', async () => {
    const { params, best } = await fit(line([1], { epochs: 3, validation: values([NaN, 5, NaN]), keepBest: true }));
    expect([x(params), best]).toEqual([-2, { epoch: 1, value: 5 }]);
  });
});

describe('divergence', () => {
  test('a loss that is not finite ends training, with the last good parameters', async () => {
    const options = line([1, 2, NaN, 4]);
    const live = backend.liveBuffers();
    const error = await fit(options).then(
      () => expect.unreachable(),
      (e: unknown) => e as TrainingDivergedError,
    );
    expect(error).toBeInstanceOf(TrainingDivergedError);
    expect(error).toMatchObject({ code: 'TRAINING_DIVERGED', step: 2, epoch: 0, lastFiniteLoss: -2 });
    // The loss at -1 was finite; whether -3 is good was never known.
    expect(x(error.params)).toBe(-1);
    expect(error.message).toMatchInlineSnapshot(
      `"fit: the loss is NaN at step 2 (epoch 0; last finite loss -2). To fix: lower the learning rate, put clipByGlobalNorm before the optimiser, or look for a point in this batch that the model cannot take."`,
    );
    expect(backend.liveBuffers()).toBe(live + 1);
    disposeTree(error.params);
    expect(x(options.params)).toBe(0);
  });

  test('at the first step they are those training began with', async () => {
    const options = line([NaN]);
    const error = (await fit(options).catch((e: unknown) => e)) as TrainingDivergedError;
    expect([x(error.params), error.lastFiniteLoss]).toEqual([0, undefined]);
    expect(error.params['x']).not.toBe(options.params['x']);
  });

  test('a last update that spoils the parameters is noticed', async () => {
    const store = memoryCheckpointStore({ backend });
    const options = line([1, 2], {
      lossAndGrad: (_params, batch) => ({
        loss: 0,
        grads: { x: tensor([batch === 2 ? Infinity : batch], { backend }) },
      }),
      checkpoint: { store, everySteps: 1 },
    });
    const error = (await fit(options).catch((e: unknown) => e)) as TrainingDivergedError;
    expect(error.message).toMatch(/a parameter became non-finite/);
    expect(x(error.params)).toBe(-1);
    expect(x((await store.load())!.params)).toBe(-1);
  });
});

describe('memory', () => {
  const TWENTY_STEPS = Math.ceil(20 / STEPS_PER_EPOCH);

  test('20 steps leave the result only', async () => {
    const options = regression(backend, TWENTY_STEPS);
    const live: number[] = [];
    const onStep = (): void => void live.push(backend.liveBuffers());
    const { params } = await withoutLeaks(
      () => fit({ ...options, callbacks: { onStep } }),
      (result) => Object.keys(result.params).length,
    );
    // Constant until a best epoch is kept beside the last.
    expect(live.length).toBeGreaterThanOrEqual(20);
    expect(new Set(live.slice(1, STEPS_PER_EPOCH)).size).toBe(1);
    disposeTree(params);
  });

  const failures: [string, (step: number) => Partial<FitOptions<Points>>][] = [
    ['lossAndGrad', (step) => failAfter(step)],
    ['validation', () => ({ validation: () => Promise.reject(new Error('no')) })],
    ['onStep', (step) => ({ callbacks: { onStep: (event) => throwIf(event.step === step) } })],
    ['onEpoch', () => ({ callbacks: { onEpoch: () => throwIf(true) } })],
    ['the schedule', (step) => ({ schedule: (now) => (throwIf(now === step), 0.1) })],
    ['the store', () => ({ checkpoint: { store: { load: async () => undefined, save: async () => throwIf(true) } } })],
    [
      'the optimiser',
      () => ({
        optimizer: {
          ...(adam() as Optimizer),
          update: (grads) => {
            mul(grads['0']!, 2);
            throw new Error('no');
          },
        },
      }),
    ],
  ];
  function throwIf(condition: boolean): void {
    if (condition) throw new Error('no');
  }
  function failAfter(step: number): Partial<FitOptions<Points>> {
    const inner = regression(backend, 1);
    let calls = 0;
    disposeTree([inner.params, inner.masks]);
    return {
      lossAndGrad: (...args) => {
        throwIf(calls++ === step);
        return inner.lossAndGrad(...args);
      },
    };
  }

  test('a scope around the call does not free what the run still needs', async () => {
    const store = memoryCheckpointStore({ backend });
    await fit(line([1, 2], { checkpoint: { store } }));
    const options = line([1, 2], { epochs: 2, checkpoint: { store } });
    let running: ReturnType<typeof fit> | undefined;
    scope(() => {
      running = fit(options);
    });
    expect(x((await running!).params)).toBe(-6);
  });

  test.each(failures)('nothing is left when %s throws', async (_, fail) => {
    const options = regression(backend, TWENTY_STEPS);
    const failing = { ...options, ...fail(8) };
    await withoutLeaks(
      () => expect(fit(failing)).rejects.toThrow('no'),
      () => 0,
    );
  });
});

describe('checkpoints', () => {
  /** A store that remembers when it was used. */
  function recording(): CheckpointStore & { cursors: (Checkpoint['cursor'] | undefined)[] } {
    const inner = memoryCheckpointStore({ backend });
    const cursors: Checkpoint['cursor'][] = [];
    return {
      cursors,
      load: inner.load,
      async save(checkpoint) {
        cursors.push(checkpoint.cursor);
        await inner.save(checkpoint);
      },
    };
  }
  const at = (store: ReturnType<typeof recording>) => store.cursors.map((c) => [c!.epoch, c!.batch]);

  test('are saved between epochs, every so many steps, and at the end', async () => {
    const plain = recording();
    await fit(line([1, 2, 3], { epochs: 2, checkpoint: { store: plain } }));
    expect(at(plain)).toEqual([
      [1, 0],
      [2, 0],
    ]);
    const often = recording();
    await fit(line([1, 2, 3], { epochs: 3, checkpoint: { store: often, everySteps: 2, everyEpochs: 2 } }));
    expect(at(often)).toEqual([
      [0, 2],
      [1, 1],
      [2, 0],
      [2, 2],
      [3, 0],
    ]);
  });

  describe('by the clock', () => {
    afterEach(() => vi.restoreAllMocks());
    /** A clock that goes on by so many seconds with every step, and with every save when it is told so. */
    function clock(secondsPerStep: number) {
      let now = 0;
      vi.spyOn(performance, 'now').mockImplementation(() => now);
      const tick = (): void => void (now += 1000 * secondsPerStep);
      return { onStep: tick, onSave: tick };
    }

    test('are saved by the first step after the last save is so long ago, and between epochs only if asked', async () => {
      const store = recording();
      await fit(line([1, 2, 3], { epochs: 3, checkpoint: { store, everySeconds: 1 }, callbacks: clock(0.4) }));
      expect(at(store)).toEqual([
        [1, 0],
        [2, 0],
        [3, 0],
      ]);
      const sparse = recording();
      await fit(line([1, 2, 3], { epochs: 3, checkpoint: { store: sparse, everySeconds: 2 }, callbacks: clock(0.4) }));
      expect(at(sparse)).toEqual([
        [1, 2],
        [3, 0],
      ]);
      const both = recording();
      const checkpoint = { store: both, everySeconds: 2, everyEpochs: 1 };
      await fit(line([1, 2, 3, 4, 5, 6], { checkpoint, callbacks: clock(0.4) }));
      expect(at(both)).toEqual([
        [0, 5],
        [1, 0],
      ]);
    });

    test('are saved after a step when saving has taken no more than its share of the time', async () => {
      const callbacks = clock(10);
      const { cursors, load, save } = recording();
      const interim: (boolean | undefined)[] = [];
      const store: CheckpointStore = {
        load,
        async save(checkpoint, options) {
          await save(checkpoint);
          interim.push(options?.interim);
          callbacks.onSave(); // A save takes as long as a step.
        },
      };
      await fit(line([1, 2, 3, 4, 5, 6, 7], { checkpoint: { store, share: 0.25 }, callbacks }));
      // The start is saved, for 10 seconds. After 40 that is a quarter of the time, after 80 two saves are.
      expect(cursors.map((c) => c!.step)).toEqual([0, 3, 6, 7]);
      expect(interim).toEqual([true, true, true, false]);
    });

    test('are saved after every step where saving takes no time', async () => {
      const store = recording();
      await fit(line([1, 2, 3], { checkpoint: { store, share: 0.01 }, callbacks: clock(1) }));
      expect(store.cursors.map((c) => c!.step)).toEqual([0, 1, 2, 3]);
    });

    test('where training diverges, when it is saved does not change what is reported', async () => {
      const report = async (secondsPerStep: number): Promise<unknown> => {
        const store = recording();
        const options = line([1, 2, 3], {
          lossAndGrad: (params, batch) => ({
            loss: scope(() => sum(mul(params['x']!, batch))),
            grads: { x: tensor([batch === 2 ? Infinity : batch], { backend }) },
          }),
          checkpoint: { store, everySeconds: 1 },
          callbacks: clock(secondsPerStep),
        });
        return ((await fit(options).catch((e: unknown) => e)) as TrainingDivergedError).message;
      };
      expect(await report(10)).toBe(await report(0));
      expect(await report(10)).toMatch(/the loss is -?Infinity|NaN/);
    });
  });

  test.each([1, 4, STEPS_PER_EPOCH, STEPS_PER_EPOCH + 1, 2 * STEPS_PER_EPOCH])(
    'stopped after %i steps and resumed, a run gives the same bits',
    async (steps) => {
      const epochs = 3;
      const whole = memoryCheckpointStore({ backend });
      const expected = await fit({ ...regression(backend, epochs), checkpoint: { store: whole } });
      const store = memoryCheckpointStore({ backend });
      const controller = new AbortController();
      const first = await fit({
        ...regression(backend, epochs),
        checkpoint: { store, everyEpochs: 100 },
        signal: controller.signal,
        callbacks: { onStep: ({ step }) => void (step + 1 === steps && controller.abort()) },
      });
      expect([first.stopped, first.steps]).toEqual(['aborted', steps]);
      const second = await fit({ ...regression(backend, epochs), checkpoint: { store } });
      expect(bytes(second.params)).toBe(bytes(expected.params));
      expect({ ...second, params: 0 }).toEqual({ ...expected, params: 0 });
      const [a, b] = [(await whole.load())!, (await store.load())!];
      expect(bytes(b.params)).toBe(bytes(a.params));
      expect(JSON.stringify(b.cursor)).toBe(JSON.stringify(a.cursor));
    },
  );

  test('resuming leaves nothing but the result', async () => {
    const store = memoryCheckpointStore({ backend });
    const short = regression(backend, 1);
    await withoutLeaks(
      () => fit({ ...short, checkpoint: { store } }),
      ({ params }) => Object.keys(params).length,
    );
    const long = regression(backend, 3);
    await withoutLeaks(
      () => fit({ ...long, checkpoint: { store } }),
      ({ params, steps }) => (steps === 3 * STEPS_PER_EPOCH ? Object.keys(params).length : NaN),
    );
  });

  test('a finished run gives its result again, without a step', async () => {
    const store = memoryCheckpointStore({ backend });
    const first = await fit({ ...regression(backend, 2), checkpoint: { store } });
    const lossAndGrad = vi.fn<FitOptions<Points>['lossAndGrad']>();
    const again = await fit({ ...regression(backend, 2), lossAndGrad, checkpoint: { store } });
    expect(lossAndGrad).not.toHaveBeenCalled();
    expect(bytes(again.params)).toBe(bytes(first.params));
    expect({ ...again, params: 0 }).toEqual({ ...first, params: 0 });
  });

  test('a run stopped early stays stopped', async () => {
    const store = memoryCheckpointStore({ backend });
    const options = line([1], {
      epochs: 9,
      validation: () => 1,
      earlyStopping: { patience: 2 },
      checkpoint: { store },
    });
    expect(await fit(options)).toMatchObject({ stopped: 'earlyStopping', epochs: 3 });
    expect(await fit(options)).toMatchObject({ stopped: 'earlyStopping', epochs: 3 });
  });

  test('an aborted signal stops before the first step', async () => {
    const { stopped, steps } = await fit(line([1], { signal: AbortSignal.abort() }));
    expect([stopped, steps]).toEqual(['aborted', 0]);
  });

  test('a checkpoint of another run is refused, and nothing is left', async () => {
    const store = memoryCheckpointStore({ backend });
    const metadata = { model: 'a' };
    await fit({ ...regression(backend, 1), checkpoint: { store, metadata } });
    const options = regression(backend, 1);
    const { '0': _, ...fewer } = options.params;
    const others: [Partial<FitOptions<Points>>, RegExp][] = [
      [{ key: key(10) }, /another key/],
      [{ checkpoint: { store, metadata: { model: 'b' } } }, /metadata 'model' = "a", where this run has "b"/],
      [{ checkpoint: { store } }, /metadata 'model' = "a", where this run has nothing/],
      [{ optimizer: adam() }, /the state of another optimiser/],
      [{ params: fewer }, /parameters .* where this run has/],
      [{ masks: undefined }, /other masks/],
      [{ masks: { 'in.weight': options.params['in.weight']! } }, /other masks/],
    ];
    for (const [change, message] of others) {
      const changed = { ...options, checkpoint: { store, metadata }, ...change };
      await withoutLeaks(
        () => expect(fit(changed)).rejects.toThrow(message),
        () => 0,
      );
    }
    await expect(fit({ ...options, key: key(10), checkpoint: { store } })).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ResumeMismatchError: fit: the stored checkpoint has another key. To fix: go on with the options that the run began with, or give this run another checkpoint store.]`,
    );
    const model = memoryCheckpointStore({ backend });
    await model.save({ params: options.params });
    await expect(fit({ ...options, checkpoint: { store: model } })).rejects.toThrow(/no training state/);
  });

  test('what is saved is a checkpoint of the whole run', async () => {
    const store = memoryCheckpointStore({ backend });
    const options = regression(backend, 2);
    const { history, best } = await fit({ ...options, checkpoint: { store, metadata: { a: 'b' } } });
    const stored = (await store.load())!;
    expect(stored).toMatchObject({
      key: options.key,
      cursor: { epoch: 2, batch: 0, step: 2 * STEPS_PER_EPOCH },
      history,
      best: best!,
      metadata: { a: 'b' },
    });
    expect(bytes(stored.masks!)).toBe(bytes(options.masks));
    disposeCheckpoint(stored);
  });
});
