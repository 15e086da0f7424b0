import { setImmediate as nextTurn } from 'node:timers/promises';
import { createCpuBackend } from '@sparseflow/backend-cpu';
import { DeviceLostError } from '@sparseflow/backend-tfjs';
import { TrainingDivergedError } from '@sparseflow/optim';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { BackendName, KeptModel, Report, Status } from '../protocol.ts';
import { defaults, type Settings } from '../settings.ts';
import type { Opened } from './backends.ts';
import { Host } from './host.ts';

const sizes = { trainPerMode: 50, testPerMode: 50, validationShare: 0.1 };
const settings: Settings = { ...defaults, layers: 2, hidden: 4, batch: 16, tolerance: 0.1, sizes };
const wide: Settings = { ...settings, hidden: 8 };
const huge: Settings = { ...settings, layers: 4, hidden: 20_000 };

let host: Host;
let reports: Report[];
/** What the GPU fails with when it is next read. */
let failure: Error | undefined;
/** What the GPU can bind in one piece, in bytes. */
let largest: number;
/** What the clock shows, and how far each look at it moves it, in milliseconds: nothing depends on the machine. */
let clock: number;
let slowness: number;

/** The CPU's kernels under both names: the tests are about what is done when one of them fails. */
function open(name: BackendName): Promise<Opened> {
  const cpu = createCpuBackend({ path: 'wasm', threads: 1 });
  const download: typeof cpu.download = async (x) => {
    // Node serves a thousand messages before the timers that a test waits with.
    await nextTurn();
    const error = failure;
    if (name === 'wasm' || !error) return cpu.download(x);
    failure = undefined;
    throw error;
  };
  const device = { limits: { maxStorageBufferBindingSize: largest } };
  const backend = { ...cpu, download, ...(name === 'webgpu' && { tfjs: { kernelBackend: { device } } }) };
  return Promise.resolve({ name, backend, report: () => ({ name, text: name }), isFast: () => false });
}

beforeEach(() => {
  [failure, largest, clock, slowness] = [undefined, Infinity, 0, 1];
  vi.spyOn(performance, 'now').mockImplementation(() => (clock += slowness));
  const told: Report[] = (reports = []);
  host = new Host((report) => told.push(report), open);
  void host.serve();
});

afterEach(() => {
  host.receive({ type: 'pause' });
  vi.restoreAllMocks();
});

const all = <T extends Report['type']>(type: T): Extract<Report, { type: T }>[] =>
  reports.filter((report): report is Extract<Report, { type: T }> => report.type === type);
const status = (): Status | undefined => all('status').at(-1)?.status;
const steps = (): number => status()!.models[0]!.steps;
const notices = (): string[] => all('notice').map(({ notice }) => notice.text);
const until = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 20_000, interval: 5 });

async function start(on: BackendName, of = settings, kept?: readonly KeptModel[]): Promise<void> {
  host.receive({ type: 'open', settings: of, ...(kept && { kept }) });
  host.receive({ type: 'backend', name: on });
  await until(() => expect(status()?.backend.name).toBe(on));
}

const takeSteps = async (count: number): Promise<void> => {
  const before = all('progress').length;
  const taken = (): number =>
    all('progress')
      .slice(before)
      .reduce((sum, { progress }) => sum + progress[0]!.steps.length, 0);
  host.receive({ type: 'run' });
  await until(() => expect(taken()).toBeGreaterThanOrEqual(count));
};

const kept = async (): Promise<readonly KeptModel[]> => {
  host.receive({ type: 'pause' });
  const before = all('kept').length;
  host.receive({ type: 'keep' });
  await until(() => expect(all('kept').length).toBeGreaterThan(before));
  return structuredClone(all('kept').at(-1)!.models);
};

it('only a GPU that fails is left: not for a bad file, and not when training diverges', async () => {
  await start('webgpu');
  await takeSteps(3);
  const bytes = new TextEncoder().encode('no tensors');
  host.receive({ type: 'load', name: 'picture.png', bytes, settings });
  await until(() => expect(notices().at(-1)).toContain('picture.png is not a checkpoint'));
  expect(status()).toMatchObject({ running: false, backend: { name: 'webgpu' } });

  const before = steps();
  failure = new TrainingDivergedError('the loss is NaN', { step: 1, epoch: 0, lastFiniteLoss: 1, params: {} });
  host.receive({ type: 'step' });
  await until(() => expect(notices().at(-1)).toContain('Training diverged'));
  expect(status()!.backend.name).toBe('webgpu');
  expect(steps()).toBe(before);

  // Within the second in which the models are not taken off the device again.
  await takeSteps(4);
  failure = new DeviceLostError('tfjs-webgpu', 'destroyed');
  const words = /^The GPU failed: training goes on from step (\d+) \((\d+) steps? to take again\) with wasm\. /;
  await until(() => expect(notices().at(-1)).toMatch(words));
  const [from, lost] = words.exec(notices().at(-1)!)!.slice(1).map(Number) as [number, number];
  expect(from).toBeGreaterThanOrEqual(before);
  expect(from + lost).toBeGreaterThanOrEqual(before + 4);
  expect(status()).toMatchObject({ running: true, backend: { name: 'wasm' } });
  expect(notices().join()).not.toMatch(/tfjs/i);
});

it('models are kept when they change, when training rests, and every ten seconds of it', async () => {
  await start('wasm');
  await until(() => expect(all('kept')).toHaveLength(1));
  await takeSteps(20);
  // The first step is kept, as it may be the last.
  expect(all('kept')).toHaveLength(2);
  clock += 10_000;
  await until(() => expect(all('kept')).toHaveLength(3));
  host.receive({ type: 'prune', structure: 'unstructured', keep: 0.5 });
  await until(() => expect(all('kept')).toHaveLength(4));
  expect(all('kept')[3]!.models.map(({ name }) => name)).toEqual(['dense', 'sparse', 'control']);
  await takeSteps(2);
  host.receive({ type: 'pause' });
  await until(() => expect(all('kept')).toHaveLength(5));

  const models = await kept();
  const last = status()!.models;
  await start('wasm', wide);
  await start('wasm', settings, models);
  await until(() => expect(status()!.settings).toEqual(settings));
  expect(status()!.models).toEqual(last);
});

it('where kept models cannot be used, or a link asks for too much, there is a model that can be trained', async () => {
  host.receive({ type: 'open', settings: huge });
  await until(() => expect(status()?.settings).toEqual(defaults));
  expect(notices()[0]).toContain('too large for the memory of this device: it has 800,140,002 weights');

  await start('wasm');
  const models = await kept();
  const cut = models.map(({ name, bytes }) => ({ name, bytes: bytes.slice(0, -1) }));
  await start('wasm', wide, cut);
  await until(() => expect(status()!.settings).toEqual(wide));
  expect(notices().at(-1)).toContain('training starts afresh');
  await takeSteps(1);
});

it('what is too large for the GPU is trained in WebAssembly, whether it is chosen or opened from a file', async () => {
  // A batch's activations and two tangents, 16 · 4 · 3 numbers, but not 16 · 8 · 3.
  largest = 4 * 16 * 4 * 3;
  await start('webgpu');
  host.receive({ type: 'open', settings: wide });
  await until(() => expect(status()).toMatchObject({ settings: wide, backend: { name: 'wasm' } }));
  expect(notices()).toEqual([expect.stringContaining('too large for the GPU, so it is trained with wasm')]);
  host.receive({ type: 'backend', name: 'webgpu' });
  await until(() => expect(notices().at(-1)).toContain('goes on with wasm'));
  expect(status()!.backend.name).toBe('wasm');
  const [model] = await kept();

  await start('webgpu');
  host.receive({ type: 'load', name: 'wide.safetensors', bytes: model!.bytes, settings });
  await until(() => expect(status()).toMatchObject({ settings: wide, backend: { name: 'wasm' } }));

  // What no backend has room for is refused, and what was there stays.
  await start('webgpu');
  host.receive({ type: 'open', settings: huge });
  await until(() => expect(notices().at(-1)).toContain('too large for the memory of this device'));
  expect(status()).toMatchObject({ settings, backend: { name: 'webgpu' } });
});

it('measuring curvature is stopped while it lasts, and before it has begun', async () => {
  await start('wasm');
  const told = (): boolean[] => all('measuring').map(({ of }) => of > 0);
  host.receive({ type: 'curvature' });
  host.receive({ type: 'cancel' });
  expect(told()).toEqual([false]);
  host.receive({ type: 'curvature' });
  await until(() => expect(told()).toContain(true));
  host.receive({ type: 'cancel' });
  await until(() => expect(told().at(-1)).toBe(false));
  expect(all('curvature')).toEqual([]);
  host.receive({ type: 'curvature' });
  await until(() => expect(all('curvature')).toHaveLength(1));
  expect(notices()).toEqual([]);
});

it('how long a step takes is said of the backend in use', async () => {
  slowness = 1000;
  await start('wasm');
  await takeSteps(3);
  host.receive({ type: 'pause' });
  expect(all('progress').at(-1)!.stepMs).toBeGreaterThan(1000);
  slowness = 1;
  host.receive({ type: 'backend', name: 'webgpu' });
  await until(() => expect(status()!.backend.name).toBe('webgpu'));
  await takeSteps(1);
  // A mean with what was before would be 900 at least; this takes a few looks at the clock.
  expect(all('progress').at(-1)!.stepMs).toBeLessThan(50);
});
