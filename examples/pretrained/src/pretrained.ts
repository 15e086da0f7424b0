import { readFileSync } from 'node:fs';
import { cnf, mlp, neuralOde } from '@sparseflow/cnf';
import type { Cnf, NeuralOde } from '@sparseflow/cnf';
import { generateToy, toyDataset } from '@sparseflow/datasets';
import type { Dataset } from '@sparseflow/datasets';
import { decodeCheckpoint, disposeCheckpoint } from '@sparseflow/optim';
import { fold, key } from '@sparseflow/tensor';
import type { Backend, Masks, Params } from '@sparseflow/tensor';

/** What a checkpoint says of its model, as JSON under `about` in its metadata: all that is needed to use it. */
export interface About {
  readonly task: 'density' | 'classification';
  /** A toy data set of @sparseflow/datasets, how many points of it per mode, and the seed of all that was drawn. */
  readonly data: {
    readonly name: string;
    readonly trainPerComponent: number;
    readonly testPerComponent: number;
    readonly validationShare: number;
  };
  readonly seed: number;
  readonly net: {
    readonly layers: number;
    readonly hidden: number;
    readonly activation: 'sigmoid' | 'tanh' | 'softplus' | 'relu';
  };
  readonly solver: { readonly rtol: number; readonly atol: number };
  readonly method: string;
  /** Share of the parameters that was removed. */
  readonly pruneRatio: number;
  /** Parameters that are left. */
  readonly parameters: number;
  readonly epochs: number;
  /** Mean negative log-likelihood on the test set (exact trace), in nats; of a classifier, of the labels. */
  readonly testNll: number;
  /** Of a classifier, on the test set: a share. */
  readonly testAccuracy?: number;
}

/** A trained model. Pruned parameters are exactly zero; the masks say which. */
export interface Pretrained {
  readonly about: About;
  /** A flow or a classifier, as `about.task` says. */
  readonly model: { readonly flow: Cnf } | { readonly classifier: NeuralOde };
  readonly params: Params;
  readonly masks: Masks;
}

/**
 * Reads a checkpoint and makes the model that it belongs to.
 *
 * @throws {CorruptCheckpointError} when the file is damaged
 */
export function loadPretrained(path: string, backend: Backend): Pretrained {
  const checkpoint = decodeCheckpoint(new Uint8Array(readFileSync(path)), { backend, path });
  const { params, masks = {}, metadata } = checkpoint;
  const noted = metadata?.['about'];
  if (noted === undefined) {
    disposeCheckpoint(checkpoint);
    throw new Error(`${path} does not say which model it belongs to`);
  }
  const about = JSON.parse(noted) as About;
  const { net, solver, task } = about;
  const field = mlp({ dim: 2, hidden: new Array<number>(net.layers - 1).fill(net.hidden), activation: net.activation });
  const { rtol, atol } = solver;
  const model =
    task === 'density'
      ? { flow: cnf({ field, rtol, atol }) }
      : { classifier: neuralOde({ field, classes: 2, readout: 'state', rtol, atol }) };
  return { about, model, params, masks };
}

/** The data that a model was trained and tested on: the same numbers, drawn again. */
export function dataOf({ data, seed }: About): Dataset {
  const { name, trainPerComponent: trainPerMode, testPerComponent: testPerMode, validationShare } = data;
  return generateToy(toyDataset(name), fold(key(seed), 0), { trainPerMode, testPerMode, validationShare });
}
