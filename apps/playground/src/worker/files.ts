import {
  decodeCheckpoint,
  disposeCheckpoint,
  disposeState,
  encodeCheckpoint,
  type Checkpoint,
} from '@sparseflow/optim';
import { disposeTree, SparseflowError, type Backend } from '@sparseflow/tensor';
import * as v from 'valibot';
import type { Measured } from '../protocol.ts';
import { coherent, DRAWN, ownSizes, settingsSchema, sizeOfNet, type Settings } from '../settings.ts';
import { isFailure } from './backends.ts';
import { START, type Learner, type Position } from './learner.ts';

/** A file that cannot be used here, in words for the page. */
export class FileError extends SparseflowError {
  constructor(name: string, what: string, remedy: string) {
    super('FILE', `${name} ${what}`, remedy);
  }
}

const count = v.pipe(v.number(), v.integer(), v.minValue(1));

/** What checkpoints of this project say of their model, under `about` in their metadata. */
const aboutSchema = v.object({
  task: v.picklist(['density', 'classification']),
  data: v.object({
    name: v.string(),
    trainPerComponent: count,
    testPerComponent: count,
    validationShare: v.number(),
    drawing: v.optional(v.string()),
  }),
  seed: v.number(),
  net: v.object({ layers: count, hidden: count, activation: v.string() }),
  solver: v.object({ rtol: v.number(), atol: v.number() }),
});

/** A model that was read from a file. Its tensors are the caller's. */
export interface Opened {
  readonly checkpoint: Checkpoint;
  readonly settings: Settings;
  readonly position: Position;
  /** What had to be assumed. */
  readonly assumed?: string;
}

/** The bytes of a checkpoint file, which the command line and the examples read as well. */
export async function writeModel(
  learner: Learner,
  settings: Settings,
  { nll, accuracy }: Measured,
): Promise<Uint8Array<ArrayBuffer>> {
  const { parameters, kept, steps } = learner.report;
  const { task, data, drawing, seed, layers, hidden, activation, tolerance } = settings;
  const sizes = settings.sizes ?? ownSizes(data);
  const about = {
    task,
    data: {
      name: data,
      trainPerComponent: sizes.trainPerMode,
      testPerComponent: sizes.testPerMode,
      validationShare: sizes.validationShare,
      ...(data === DRAWN && { drawing }),
    },
    seed,
    net: { layers, hidden, activation },
    solver: { rtol: tolerance, atol: tolerance },
    method: learner.name,
    pruneRatio: 1 - kept / parameters,
    parameters: kept,
    epochs: learner.position.round,
    testNll: nll,
    ...(accuracy !== undefined && { testAccuracy: accuracy }),
  };
  const { learningRate, batch, trace } = settings;
  const metadata = { about: JSON.stringify(about), playground: JSON.stringify({ learningRate, batch, trace, steps }) };
  return (await encodeCheckpoint(learner.checkpoint(metadata))) as Uint8Array<ArrayBuffer>;
}

/**
 * Reads a checkpoint: one of this page, of `pnpm reproduce` or of examples/pretrained.
 *
 * @param current - What is assumed where the file does not say it, as those of `reproduce` do not.
 * @throws {FileError} when it is none, is damaged, is of a later format, or is of a model that does not fit the page
 */
export function readModel(name: string, bytes: Uint8Array, current: Settings, backend: Backend): Opened {
  let checkpoint: Checkpoint;
  try {
    checkpoint = decodeCheckpoint(bytes, { backend, path: name });
  } catch (error) {
    throw unreadable(name, error);
  }
  try {
    const { settings, assumed } = settingsOf(name, checkpoint, current);
    checkShapes(name, checkpoint, settings);
    return { ...trainingOf(checkpoint), settings, ...(assumed !== undefined && { assumed }) };
  } catch (error) {
    disposeCheckpoint(checkpoint);
    throw error;
  }
}

/** Where the training of a file goes on. Only this page's own optimiser and count of rounds are known here. */
function trainingOf({ optimizer, cursor, ...model }: Checkpoint): Pick<Opened, 'checkpoint' | 'position'> {
  if (model.metadata?.['playground'] !== undefined && optimizer !== undefined && cursor !== undefined) {
    const position = { round: cursor.epoch, step: cursor.batch, total: cursor.step };
    return { checkpoint: { ...model, optimizer }, position };
  }
  if (optimizer !== undefined) disposeState(optimizer);
  if (model.best?.params) disposeTree(model.best.params);
  return { checkpoint: { params: model.params, masks: model.masks }, position: START };
}

function unreadable(name: string, error: unknown): unknown {
  if (!(error instanceof SparseflowError) || isFailure(error)) return error;
  if (error.message.includes('does not begin as a checkpoint')) {
    const remedy = 'open a .safetensors file that this page, pnpm reproduce or examples/pretrained has written';
    return new FileError(name, 'is not a checkpoint of Sparse Flows', remedy);
  }
  if (/has format version \d/.test(error.message)) {
    const remedy = 'reload this page while online, so that it is the newest, and open the file again';
    return new FileError(name, 'is of a later format than this page reads', remedy);
  }
  return new FileError(name, 'is damaged or cut off', 'download it again, or restore it from a copy');
}

function settingsOf(
  name: string,
  { params, metadata }: Checkpoint,
  current: Settings,
): { readonly settings: Settings; readonly assumed?: string } {
  const noted = metadata?.['about'];
  if (noted === undefined) {
    const weights = Object.keys(params).filter((key) => /^layers\.\d+\.weight$/.test(key)).length;
    const net = { layers: weights, hidden: params['layers.0.weight']?.shape[0] ?? 0 };
    const settings = v.safeParse(settingsSchema, { ...current, ...net });
    if (!settings.success) throw foreign(name);
    const assumed = `${name} does not say which data and which activation it was trained with: ${current.data} and ${current.activation} are assumed.`;
    return { settings: settings.output, assumed };
  }
  const about = v.safeParse(aboutSchema, parsed(noted));
  if (!about.success) throw foreign(name);
  const { task, data, seed, net, solver } = about.output;
  const settings = v.safeParse(settingsSchema, {
    ...current,
    ...(parsed(metadata?.['playground']) as object | undefined),
    task,
    data: data.name,
    drawing: data.drawing ?? '',
    sizes: {
      trainPerMode: data.trainPerComponent,
      testPerMode: data.testPerComponent,
      validationShare: data.validationShare,
    },
    seed,
    ...net,
    tolerance: solver.rtol,
  });
  if (!settings.success) throw foreign(name);
  return { settings: coherent(settings.output) };
}

function parsed(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

function foreign(name: string): FileError {
  return new FileError(
    name,
    'is of a model that cannot be shown here',
    'open one of a flow or classifier of the plane, with an MLP of equally wide layers as its field',
  );
}

function checkShapes(name: string, { params }: Checkpoint, settings: Settings): void {
  const { layers, hidden } = settings;
  const widths = [2, ...new Array<number>(layers - 1).fill(hidden), 2];
  const size = Object.values(params).reduce((sum, x) => sum + x.size, 0);
  const fits = widths.slice(1).every((out, i) => {
    const weight = params[`layers.${i}.weight`];
    return weight?.shape[0] === out && weight.shape[1] === widths[i] && params[`layers.${i}.bias`]?.size === out;
  });
  if (!fits || size !== sizeOfNet(settings)) throw foreign(name);
}
