import { batch, computed, signal } from '@preact/signals';
import { fromHash, toHash } from '../link.ts';
import type {
  BackendName,
  CurvatureReport,
  DataReport,
  Matrix,
  ModelName,
  Notice,
  Picture,
  Report,
  Request,
  Status,
  ViewName,
} from '../protocol.ts';
import { coherent, defaultPruning, defaults, DRAWN, type Pruning, type Settings } from '../settings.ts';
import { Curve } from './curves.ts';
import { saveFile } from './download.ts';
import { keep, lastKept, type Kept } from './keeping.ts';
import { createTheme } from './theme.ts';

/** What is drawn of a model's training. */
export interface Curves {
  readonly loss: Curve;
  readonly nfe: Curve;
  readonly kept: Curve;
}

export interface Shown extends Notice {
  readonly id: number;
}

export type Page = ReturnType<typeof createPage>;

/** All state of the page, as signals, and everything that can be done with it. */
export function createPage(worker: Worker) {
  const settings = signal<Settings>(defaults);
  const pruning = signal<Pruning>(defaultPruning);
  const status = signal<Status | undefined>(undefined);
  const data = signal<DataReport | undefined>(undefined);
  const pictures = signal<Readonly<Partial<Record<ModelName, Picture>>>>({});
  const matrices = signal<Readonly<Partial<Record<ModelName, readonly Matrix[]>>>>({});
  const curvature = signal<readonly CurvatureReport[]>([]);
  const measuring = signal<{ readonly done: number; readonly of: number } | undefined>(undefined);
  const speed = signal<{ readonly stepsPerSecond: number; readonly stepMs: number } | undefined>(undefined);
  /** Milliseconds of a step, by model. */
  const paces = signal<Readonly<Partial<Record<ModelName, number>>>>({});
  const notices = signal<readonly Shown[]>([]);
  const view = signal<ViewName>('density');
  const showsData = signal(false);
  /** Of particles: 0 is data, 1 is noise. */
  const time = signal(0);
  const curves = new Map<ModelName, Curves>();
  /** Changes when a curve has. */
  const drawn = signal(0);
  let noticed = 0;
  let shownTask: Settings['task'] = 'density';
  /** What has been said of models that the browser does not keep, so that it is said once. */
  let unkept = '';
  let writing: ReturnType<typeof setTimeout> | undefined;

  const ask = (request: Request, transfer: Transferable[] = []): void => worker.postMessage(request, transfer);

  const notify = ({ level, text }: Notice): void => {
    const others = notices.value.filter((shown) => shown.text !== text);
    notices.value = [...others, { level, text, id: ++noticed }].slice(-4);
  };

  const store = async (kept: Kept): Promise<void> => {
    try {
      await keep(kept);
      unkept = '';
    } catch (error) {
      const isFull = error instanceof DOMException && error.name === 'QuotaExceededError';
      const text = isFull
        ? 'This browser has no room left to keep the models: they end with the page. Save them as files.'
        : 'This browser keeps nothing for this page: the models end with it. Save them as files.';
      if (text !== unkept) notify({ level: 'warning', text });
      unkept = text;
    }
  };

  const receive = (report: Report): void => {
    switch (report.type) {
      case 'data':
        data.value = report.data;
        // A boundary means little without what it is to part.
        if (settings.value.task !== shownTask) showsData.value = settings.value.task === 'classification';
        shownTask = settings.value.task;
        return;
      case 'status': {
        const before = status.value;
        status.value = report.status;
        if (JSON.stringify(settings.value) !== JSON.stringify(report.status.settings)) {
          settings.value = report.status.settings;
          writeLink();
        }
        const names = report.status.models.map(({ name }) => name);
        if (before && names.length < before.models.length) forgetModels(names);
        if (before?.backend.name !== report.status.backend.name) forgetSpeed();
        return;
      }
      case 'fresh':
        curves.clear();
        pictures.value = {};
        matrices.value = {};
        curvature.value = [];
        forgetSpeed();
        drawn.value += 1;
        return;
      case 'progress':
        paces.value = {
          ...paces.value,
          ...Object.fromEntries(report.progress.map(({ model, ms }) => [model, ms])),
        };
        for (const { model, steps, loss, nfe, kept } of report.progress) {
          const of = curves.get(model) ?? { loss: new Curve(), nfe: new Curve(), kept: new Curve() };
          curves.set(model, of);
          steps.forEach((step, i) => {
            of.loss.add(step, loss[i]!);
            of.nfe.add(step, nfe[i]!);
            of.kept.add(step, 100 * kept);
          });
        }
        drawn.value += 1;
        speed.value = report;
        return;
      case 'picture':
        if (report.picture.view === view.value) {
          pictures.value = { ...pictures.value, [report.picture.model]: report.picture };
        }
        return;
      case 'weights':
        matrices.value = { ...matrices.value, [report.model]: report.matrices };
        return;
      case 'saved':
        saveFile(report.name, report.bytes);
        return;
      case 'kept':
        void store({ ...report, pruning: pruning.value });
        return;
      case 'curvature':
        curvature.value = [
          ...curvature.value.filter(({ model }) => model !== report.curvature.model),
          report.curvature,
        ];
        return;
      case 'measuring':
        measuring.value = report.of > 0 ? report : undefined;
        return;
      case 'notice':
        notify(report.notice);
    }
  };

  const forgetModels = (names: readonly ModelName[]): void => {
    const left = <T>(of: Readonly<Partial<Record<ModelName, T>>>) =>
      Object.fromEntries(Object.entries(of).filter(([name]) => names.includes(name as ModelName)));
    pictures.value = left(pictures.value);
    matrices.value = left(matrices.value);
    paces.value = left(paces.value);
    curvature.value = curvature.value.filter(({ model }) => names.includes(model));
    for (const name of curves.keys()) if (!names.includes(name)) curves.delete(name);
    drawn.value += 1;
  };

  const forgetSpeed = (): void => {
    speed.value = undefined;
    paces.value = {};
  };

  const writeLink = (): void => history.replaceState(null, '', `#${toHash(settings.value, pruning.value)}`);

  const open = (next: Settings): void => {
    settings.value = coherent(next);
    // There is nothing to train on yet.
    if (next.data !== DRAWN || next.drawing !== '') ask({ type: 'open', settings: settings.value });
  };

  /** Takes over what a link says; models that were kept under its settings go on. */
  const follow = (hash: string, kept?: Kept): void => {
    const { settings: linked, pruning: next, ignored } = fromHash(hash);
    pruning.value = next;
    if (kept && toHash(kept.settings) === toHash(linked)) {
      settings.value = kept.settings;
      ask({ type: 'open', settings: kept.settings, kept: kept.models });
    } else if (toHash(linked) !== toHash(settings.value) || !status.value) open(linked);
    writeLink();
    if (ignored.length > 0) {
      notify({
        level: 'warning',
        text: `The link asks for something that is not possible (${ignored.join(', ')}); that part is left out.`,
      });
    }
  };

  worker.onmessage = ({ data: report }: MessageEvent<Report>) => batch(() => receive(report));
  worker.onerror = (event) => {
    event.preventDefault();
    notify({ level: 'error', text: 'The part of this page that computes does not start. Reload the page.' });
  };

  return {
    settings,
    pruning,
    status,
    data,
    pictures,
    matrices,
    curvature,
    measuring,
    speed,
    paces,
    notices,
    view,
    showsData,
    time,
    curves,
    drawn,
    theme: createTheme(),
    isRunning: computed(() => status.value?.running === true),
    notify,

    /** From the link, or where the last visit ended. */
    async begin(): Promise<void> {
      const kept = await lastKept();
      // A link that is pasted into the open page loads nothing by itself.
      addEventListener('hashchange', () => location.hash.length > 1 && follow(location.hash));
      if (location.hash.length > 1) return follow(location.hash, kept);
      pruning.value = kept?.pruning ?? defaultPruning;
      settings.value = kept?.settings ?? defaults;
      // The address stays without a link, so that a bookmark of it goes on where the last visit ends.
      ask({ type: 'open', settings: settings.value, ...(kept && { kept: kept.models }) });
    },
    change(changes: Partial<Settings>): void {
      open({ ...settings.value, ...changes });
      writeLink();
    },
    setPruning(changes: Partial<Pruning>): void {
      pruning.value = { ...pruning.value, ...changes };
      // Browsers let the address change only so often, and a slider moves more often than that.
      clearTimeout(writing);
      writing = setTimeout(writeLink, 300);
    },
    reset: () => open(settings.value),
    run: () => ask({ type: 'run' }),
    pause: () => ask({ type: 'pause' }),
    step: () => ask({ type: 'step' }),
    keep: () => ask({ type: 'keep' }),
    look(next: ViewName): void {
      view.value = next;
      pictures.value = {};
      ask({ type: 'view', view: next });
    },
    prune: (request: Extract<Request, { type: 'prune' | 'sparseFlow' | 'unprune' }>) => ask(request),
    use: (name: BackendName) => ask({ type: 'backend', name }),
    save: (model: ModelName) => ask({ type: 'save', model }),
    async load(file: File): Promise<void> {
      let bytes: Uint8Array<ArrayBuffer>;
      try {
        bytes = new Uint8Array(await file.arrayBuffer());
      } catch {
        const text = `${file.name} cannot be read: it is too large for this browser, or it has changed or moved since it was chosen.`;
        return notify({ level: 'error', text });
      }
      ask({ type: 'load', name: file.name, bytes, settings: settings.value }, [bytes.buffer]);
    },
    measureCurvature(): void {
      measuring.value = { done: 0, of: 1 };
      ask({ type: 'curvature' });
    },
    stopMeasuring: () => ask({ type: 'cancel' }),
    dismiss(id: number): void {
      notices.value = notices.value.filter((notice) => notice.id !== id);
    },
    link(): string {
      writeLink();
      return location.href;
    },
  };
}
