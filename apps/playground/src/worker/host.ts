import type { BackendName, KeptModel, Report, Request, Status, ViewName } from '../protocol.ts';
import type { Settings } from '../settings.ts';
import { openBackend, type Opened } from './backends.ts';
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

/** On a device that may be lost, what there is to go on from is at most this old, in milliseconds. */
const SNAPSHOT_EVERY = 1000;

/** Serves requests one by one, and takes a training step between them while it should. */
export class Host {
  readonly #send: (report: Report) => void;
  readonly #requests: Request[] = [];
  readonly #pictures = new Share(PICTURES.share, PICTURES.every);
  readonly #snapshots = new Share(0.1, SNAPSHOT_EVERY);
  readonly #progress: ProgressLog;
  #detail = new Detail();
  #wake: () => void = () => undefined;
  #cancel: AbortController | undefined;
  #opened: Opened | undefined;
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

  constructor(send: (report: Report) => void) {
    this.#send = send;
    this.#progress = new ProgressLog(send);
  }

  receive(request: Request): void {
    if (request.type === 'cancel') this.#cancel?.abort();
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
      else if (this.#session && !this.#shown) await this.#show('fine');
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    await this.#step(this.#session);
  }

  async #step(session: Session): Promise<void> {
    const start = performance.now();
    const results = await session.step();
    this.#shown = false;
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
  }

  async #serve(request: Request): Promise<void> {
    switch (request.type) {
      case 'open':
        return this.#open(request.settings, request.kept);
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
        return this.#send({ type: 'kept', settings: session.settings, models: await session.keep() });
      case 'curvature':
        return this.#curvature(session);
    }
  }

  async #open(settings: Settings, kept: readonly KeptModel[] = []): Promise<void> {
    this.#pause();
    this.#opened ??= await openBackend('wasm');
    const tooLarge = refusal(settings, this.#opened);
    if (tooLarge !== undefined) {
      this.#notice('error', tooLarge);
      return this.#status();
    }
    await this.#begin(
      kept.length > 0
        ? await Session.restored(settings, this.#opened, kept)
        : await Session.fresh(settings, this.#opened),
    );
  }

  async #begin(session: Session): Promise<void> {
    this.#session?.dispose();
    this.#session = session;
    this.#progress.clear();
    const data = reportOf(session.data);
    this.#extent = data.extent;
    this.#send({ type: 'fresh' });
    this.#send({ type: 'data', data });
    await this.#changed(session);
  }

  async #load({ name, bytes, settings: current }: Extract<Request, { type: 'load' }>): Promise<void> {
    this.#pause();
    this.#opened ??= await openBackend('wasm');
    const file = readModel(name, bytes, current, this.#opened.backend);
    if (file.assumed !== undefined) this.#notice('info', file.assumed);
    const session = this.#session;
    // A dense model and its pruned one can be compared, if they are of one kind.
    if (session && JSON.stringify(session.settings) === JSON.stringify(file.settings)) {
      await session.adopt(file);
      return this.#changed(session);
    }
    const next = new Session(file.settings, this.#opened);
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
      this.#notice('info', `Algorithm 1 is done: ${request.rounds} rounds of ${request.steps} steps.`);
    } catch (error) {
      if (!(error instanceof Interrupted)) throw error;
    } finally {
      this.#round = undefined;
    }
    await this.#changed(session);
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
    let opened: Opened;
    try {
      opened = await openBackend(name);
      const tooLarge = refusal(session.settings, opened);
      if (tooLarge !== undefined) throw new RangeError(tooLarge);
      await this.#move(session, opened, await session.keep());
    } catch (error) {
      this.#notice('warning', `${inWords(error)} It goes on with ${session.opened.report().text}.`);
      return this.#status();
    }
  }

  /** Goes on from kept models on another backend. */
  async #move(from: Session, opened: Opened, kept: readonly KeptModel[]): Promise<void> {
    const session = await Session.restored(from.settings, opened, kept);
    this.#opened = opened;
    this.#session = session;
    this.#detail = new Detail();
    this.#snapshot = kept;
    from.dispose();
    await this.#changed(session);
  }

  /** After an error: on a GPU that was lost the models are taken elsewhere; otherwise training stops where it was. */
  async #recover(error: unknown): Promise<void> {
    const session = this.#session;
    try {
      if (session?.opened.name === 'webgpu') {
        const opened = await openBackend('wasm');
        await this.#move(session, opened, this.#snapshot);
        const steps = session.training[0]?.position.total ?? 0;
        const from = this.#session?.training[0]?.position.total ?? 0;
        const lost = steps > from ? ` (${steps - from} steps are taken again)` : '';
        this.#notice(
          'warning',
          `The GPU failed: training goes on from step ${from}${lost} with ${opened.report().text}. ${inWords(error)}`,
        );
        return;
      }
    } catch (cause) {
      error = cause;
    }
    this.#pause();
    this.#single = false;
    this.#shown = true;
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
    if (session.opened.name === 'webgpu') this.#snapshot = await session.keep();
    this.#status();
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
