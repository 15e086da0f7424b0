import { disposeCheckpoint } from '@sparseflow/optim';
import { counted } from '../counted.ts';
import type { BackendName, KeptModel, Report, Request, Status, ViewName } from '../protocol.ts';
import { defaults, type Settings } from '../settings.ts';
import { isFailure, openBackend, type Opened } from './backends.ts';
import { refusal } from './capacity.ts';
import { curvatureOf } from './curvature.ts';
import { reportOf } from './data.ts';
import { readModel, writeModel } from './files.ts';
import type { Learner } from './learner.ts';
import { Share, nextTask } from './pace.ts';
import { Detail, matricesOf, measure, pictureOf, type Quality } from './pictures.ts';
import { ProgressLog } from './progress.ts';
import { pruneTo, runSparseFlow } from './prune.ts';
import { Session } from './session.ts';
import { inWords } from './words.ts';

/** Thrown out of a step of Algorithm 1 when something is asked that changes its models. */
class Interrupted extends Error {}

/** What may be asked of models while Algorithm 1 works on them. */
const HARMLESS: readonly Request['type'][] = ['run', 'pause', 'step', 'view', 'save', 'keep', 'curvature', 'cancel'];

/** Pictures take at most this share of the time of training, and come at most this often, in milliseconds. */
const PICTURES = { share: 0.25, every: 400 };

/** Models are given to the page so often while they train, in milliseconds, so that leaving it loses little. */
const KEEP_EVERY = 10_000;

/** On a device that may be lost, what there is to go on from is at most this old, in milliseconds. */
const SNAPSHOT_EVERY = 1000;

/** Serves requests one by one, and takes a training step between them while it should. */
export class Host {
  readonly #send: (report: Report) => void;
  readonly #open: typeof openBackend;
  readonly #requests: Request[] = [];
  readonly #pictures = new Share(PICTURES.share, PICTURES.every);
  readonly #keeps = new Share(0.1, KEEP_EVERY);
  readonly #snapshots = new Share(0.1, SNAPSHOT_EVERY);
  readonly #progress: ProgressLog;
  #detail = new Detail();
  #wake: () => void = () => undefined;
  #cancel: AbortController | undefined;
  #wasm: Opened | undefined;
  #session: Session | undefined;
  #extent = 1;
  #running = false;
  #single = false;
  #view: ViewName = 'density';
  #round: Status['round'];
  /** The models as they were, off the device. */
  #snapshot: readonly KeptModel[] = [];
  /** Whether the last pictures show the models as they are, and are fine. */
  #shown = false;
  /** Whether the page has the models as they are. */
  #kept = true;

  constructor(send: (report: Report) => void, open: typeof openBackend = openBackend) {
    this.#send = send;
    this.#open = open;
    this.#progress = new ProgressLog(send);
  }

  receive(request: Request): void {
    if (request.type === 'cancel') this.#stopMeasuring();
    else {
      this.#requests.push(request);
      this.#wake();
    }
  }

  /** Never ends. */
  async serve(): Promise<void> {
    for (;;) {
      try {
        await this.#turn(false);
      } catch (error) {
        await this.#recover(error);
      }
    }
  }

  /** Serves what was asked, waits until there is something to do, and takes a step. */
  async #turn(inAlgorithm: boolean): Promise<void> {
    for (;;) {
      await nextTask();
      const request = this.#requests[0];
      if (request !== undefined) {
        if (inAlgorithm && !HARMLESS.includes(request.type)) throw new Interrupted();
        this.#requests.shift();
        await this.#serve(request);
      } else if (this.#session && (this.#running || this.#single)) break;
      else if (this.#session && !this.#kept) await this.#keep(this.#session);
      else if (this.#session && !this.#shown) await this.#show('fine');
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    await this.#step(this.#session);
  }

  async #step(session: Session): Promise<void> {
    const start = performance.now();
    const results = await session.step();
    this.#shown = this.#kept = false;
    const steps = results.map((result) => ({ ...result, learner: session.learner(result.model)! }));
    this.#progress.add(steps, performance.now() - start);
    if (this.#single) {
      this.#single = false;
      this.#progress.flush();
      this.#status();
    } else if (this.#pictures.isDue) await this.#pictures.spend(() => this.#show('coarse'));
    if (session.opened.name === 'webgpu' && this.#snapshots.isDue) {
      await this.#snapshots.spend(async () => (this.#snapshot = await session.keep()));
    }
    if (this.#keeps.isDue) await this.#keeps.spend(() => this.#keep(session));
  }

  async #serve(request: Request): Promise<void> {
    switch (request.type) {
      case 'open':
        return this.#start(request.settings, request.kept);
      case 'run':
        this.#running = true;
        return this.#status();
      case 'pause':
        this.#pause();
        return this.#status();
      case 'step':
        this.#pause();
        this.#single = true;
        return;
      case 'view':
        this.#view = request.view;
        this.#shown = false;
        return this.#running && this.#session ? this.#show('coarse', this.#session.learners) : undefined;
      case 'backend':
        return this.#switch(request.name);
      case 'load':
        return this.#load(request);
      case 'cancel':
        return;
      default:
        if (this.#session) await this.#serveSession(this.#session, request);
    }
  }

  async #serveSession(
    session: Session,
    request: Extract<Request, { type: 'prune' | 'sparseFlow' | 'unprune' | 'save' | 'keep' | 'curvature' }>,
  ): Promise<void> {
    switch (request.type) {
      case 'prune':
        await pruneTo(session, request.structure, request.keep);
        return this.#changed(session);
      case 'sparseFlow':
        return this.#sparseFlow(session, request);
      case 'unprune':
        session.unprune();
        return this.#changed(session);
      case 'save': {
        const learner = session.learner(request.model);
        if (!learner) return;
        const measured = await measure(learner, session.data.test);
        const { data, task } = session.settings;
        const name = `${data}-${learner.name}${task === 'density' ? '' : '-classifier'}.safetensors`;
        return this.#send({ type: 'saved', name, bytes: await writeModel(learner, session.settings, measured) });
      }
      case 'keep':
        return this.#keep(session);
      case 'curvature':
        return this.#curvature(session);
    }
  }

  async #start(settings: Settings, kept: readonly KeptModel[] = []): Promise<void> {
    this.#pause();
    const opened = await this.#roomFor(settings);
    await this.#begin(await this.#restored(settings, opened, kept));
  }

  /** From kept models; afresh where there are none, or none that can be used. */
  async #restored(settings: Settings, opened: Opened, kept: readonly KeptModel[]): Promise<Session> {
    try {
      if (kept.length > 0) return await Session.restored(settings, opened, kept);
    } catch (error) {
      if (gpuFailed(opened, error)) throw error;
      this.#notice('warning', `The models that were kept cannot be used, so training starts afresh. ${inWords(error)}`);
    }
    return Session.fresh(settings, opened);
  }

  async #openWasm(): Promise<Opened> {
    return (this.#wasm ??= await this.#open('wasm'));
  }

  /** The backend in use, or WebAssembly where that has no room for a net. @throws {TooLargeError} when neither has. */
  async #roomFor(settings: Settings): Promise<Opened> {
    const wasm = await this.#openWasm();
    const current = this.#session?.opened ?? wasm;
    if (refusal(settings, current) === undefined) return current;
    const tooLarge = refusal(settings, wasm);
    if (tooLarge !== undefined) throw tooLarge;
    this.#notice('warning', `This net is too large for the GPU, so it is trained with ${wasm.report().text}.`);
    return wasm;
  }

  async #begin(session: Session): Promise<void> {
    this.#session?.dispose();
    this.#session = session;
    this.#snapshot = [];
    this.#progress.clear();
    const data = reportOf(session.data);
    this.#extent = data.extent;
    this.#send({ type: 'fresh' });
    this.#send({ type: 'data', data });
    await this.#changed(session);
  }

  async #load({ name, bytes, settings: current }: Extract<Request, { type: 'load' }>): Promise<void> {
    this.#pause();
    const before = this.#session?.opened ?? (await this.#openWasm());
    let file = readModel(name, bytes, current, before.backend);
    const opened = await this.#roomFor(file.settings).catch((error: unknown) => {
      disposeCheckpoint(file.checkpoint);
      throw error;
    });
    if (opened !== before) {
      disposeCheckpoint(file.checkpoint);
      file = readModel(name, bytes, current, opened.backend);
    }
    if (file.assumed !== undefined) this.#notice('info', file.assumed);
    const session = this.#session;
    // A dense model and its pruned one can be compared, if they are of one kind.
    if (session && JSON.stringify(session.settings) === JSON.stringify(file.settings)) {
      await session.adopt(file);
      return this.#changed(session);
    }
    const next = new Session(file.settings, opened);
    await next.adopt(file);
    await this.#begin(next);
  }

  async #sparseFlow(session: Session, request: Extract<Request, { type: 'sparseFlow' }>): Promise<void> {
    this.#running = true;
    try {
      await runSparseFlow(
        session,
        request,
        (round) => {
          this.#round = round;
          this.#shown = false;
          this.#status();
        },
        () => this.#turn(true),
      );
      this.#pause();
      this.#notice(
        'info',
        `Algorithm 1 is done: ${counted(request.rounds, 'round')} of ${counted(request.steps, 'step')}.`,
      );
    } catch (error) {
      if (!(error instanceof Interrupted)) throw error;
    } finally {
      this.#round = undefined;
    }
    await this.#changed(session);
  }

  #stopMeasuring(): void {
    this.#cancel?.abort();
    // It may not have begun.
    const waiting = this.#requests.findIndex(({ type }) => type === 'curvature');
    if (waiting < 0) return;
    this.#requests.splice(waiting, 1);
    this.#send({ type: 'measuring', done: 0, of: 0 });
  }

  async #curvature(session: Session): Promise<void> {
    this.#cancel = new AbortController();
    const { signal } = this.#cancel;
    const { learners } = session;
    let before = 0;
    try {
      for (const learner of learners) {
        const curvature = await curvatureOf(session, learner, signal, (done, of) =>
          this.#send({ type: 'measuring', done: before + done, of: of * learners.length }),
        );
        before += curvature.products;
        this.#send({ type: 'curvature', curvature });
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      this.#cancel = undefined;
      this.#send({ type: 'measuring', done: 0, of: 0 });
    }
  }

  async #switch(name: BackendName): Promise<void> {
    const session = this.#session;
    if (!session || name === session.opened.name) return this.#status();
    try {
      const opened = name === 'wasm' ? await this.#openWasm() : await this.#open(name);
      const tooLarge = refusal(session.settings, opened);
      if (tooLarge !== undefined) throw tooLarge;
      await this.#move(session, opened, await session.keep());
    } catch (error) {
      this.#notice('warning', `${inWords(error)} It goes on with ${session.opened.report().text}.`);
      return this.#status();
    }
  }

  /** Goes on from kept models on another backend. */
  async #move(from: Session, opened: Opened, kept: readonly KeptModel[]): Promise<void> {
    const session = await this.#restored(from.settings, opened, kept);
    // How fast the other was says nothing of this one.
    this.#progress.flush();
    this.#progress.clear();
    this.#session = session;
    this.#detail = new Detail();
    this.#snapshot = kept;
    from.dispose();
    await this.#changed(session);
  }

  /** After an error: on a GPU that was lost the models are taken elsewhere; otherwise training stops where it was. */
  async #recover(error: unknown): Promise<void> {
    const session = this.#session;
    // It may have been the picture that failed.
    this.#shown = true;
    try {
      if (session && gpuFailed(session.opened, error)) {
        const opened = await this.#openWasm();
        const steps = session.training[0]?.position.total ?? 0;
        await this.#move(session, opened, this.#snapshot);
        const from = this.#session?.training[0]?.position.total ?? 0;
        const lost = steps > from ? ` (${counted(steps - from, 'step')} to take again)` : '';
        this.#notice(
          'warning',
          `The GPU failed: training goes on from step ${from}${lost} with ${opened.report().text}. ${inWords(error)}`,
        );
        return;
      }
      // There is always something that can be trained.
      if (!session) await this.#start(defaults);
    } catch (cause) {
      error = cause;
    }
    this.#pause();
    this.#single = false;
    this.#notice('error', inWords(error));
    this.#status();
  }

  #pause(): void {
    this.#running = false;
    this.#progress.flush();
  }

  /** Says how models are that are new, or other than before. */
  async #changed(session: Session): Promise<void> {
    this.#shown = false;
    this.#status();
    await this.#keep(session);
  }

  /** Gives the page what the next visit is to go on from. */
  async #keep(session: Session): Promise<void> {
    this.#kept = true;
    try {
      const models = await session.keep();
      // The page gets the arrays themselves.
      if (session.opened.name === 'webgpu') this.#snapshot = structuredClone(models);
      this.#send({ type: 'kept', settings: session.settings, models });
    } catch (error) {
      if (gpuFailed(session.opened, error)) throw error;
      this.#notice('warning', `The models cannot be kept for the next visit. ${inWords(error)}`);
    }
  }

  async #show(quality: Quality, learners?: readonly Learner[]): Promise<void> {
    const session = this.#session!;
    this.#shown = quality === 'fine';
    learners ??= quality === 'fine' ? session.learners : session.training;
    for (const learner of learners) {
      // What is asked meanwhile comes first; a fine picture follows.
      if (quality === 'fine' && this.#requests.length > 0) {
        this.#shown = false;
        break;
      }
      this.#send({ type: 'weights', model: learner.name, matrices: await matricesOf(learner) });
      const picture = await pictureOf(session, learner, this.#view, this.#extent, quality, this.#detail);
      this.#send({ type: 'picture', picture });
      await nextTask();
    }
    this.#status();
  }

  #status(): void {
    const session = this.#session;
    if (!session) return;
    this.#send({
      type: 'status',
      status: {
        running: this.#running,
        settings: session.settings,
        backend: session.opened.report(),
        models: session.reports,
        training: session.training.map(({ name }) => name),
        ...(this.#round && { round: this.#round }),
      },
    });
  }

  #notice(level: 'info' | 'warning' | 'error', text: string): void {
    this.#send({ type: 'notice', notice: { level, text } });
  }
}

/** A device may be lost; what fails in WebAssembly would fail again. */
function gpuFailed({ name }: Opened, error: unknown): boolean {
  return name === 'webgpu' && isFailure(error);
}
