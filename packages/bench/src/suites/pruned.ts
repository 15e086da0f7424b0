import { sparseMasks, sparsify, type CpuBackend } from '@sparseflow/backend-cpu';
import { cnf, hutchinson, mlp, type Cnf, type Field } from '@sparseflow/cnf';
import { backsolve } from '@sparseflow/ode-solvers';
import { adamW } from '@sparseflow/optim';
import { magnitude, neuronNorm, prune, shrink, type Pruner } from '@sparseflow/pruning';
import { disposeTree, key, normal, scope, tensor, type Masks, type Params, type Tensor } from '@sparseflow/tensor';
import { CASES } from '../cases.ts';
import { measureInTurn } from '../measure.ts';
import { paths } from '../paths.ts';
import { BATCH, batchOf, STUDIES, TOLERANCE } from '../studies.ts';
import type { Recorder } from './suite.ts';

/** A flow to prune, and a batch to train it on. */
interface Net {
  readonly name: string;
  readonly sizes: readonly number[];
  readonly batch: number;
  readonly points: Float32Array;
  readonly prunings: readonly { readonly pruner: Pruner; readonly ratios: readonly number[] }[];
  /** Steps to measure at least. */
  readonly least: number;
}

const RATIOS = [0.5, 0.8, 0.9, 0.95];

function nets(): readonly Net[] {
  const { name, sizes, batch } = CASES[2];
  // Normal points: what they are does not change the work of a step.
  const points = Float32Array.from(normal(key(4), batch * sizes[0]));
  return [
    ...STUDIES.map((study) => ({
      name: study.name,
      sizes: [2, ...study.hidden, 2],
      batch: BATCH,
      points: batchOf(study),
      prunings: [neuronNorm, magnitude].map((pruner) => ({ pruner, ratios: RATIOS })),
      least: 10,
    })),
    { name, sizes, batch, points, prunings: [{ pruner: magnitude, ratios: [0.9] }], least: 3 },
  ];
}

/**
 * Whole optimiser steps of pruned flows on one thread: under masks alone, and without what was pruned, as the studies train. Both compute
 * the same function with the same evaluations and are timed in turn, with the flow before pruning, whose number of evaluations may differ.
 */
export async function pruned(record: Recorder): Promise<void> {
  const path = paths().find(({ threads }) => threads === 1);
  if (path === undefined) return record.note('pruned is not measured: no compiled kernels run here');
  for (const net of nets().filter(({ name }) => record.wanted(name)))
    await timeNet(net, path.name, path.create(), record);
}

async function timeNet(net: Net, path: string, backend: CpuBackend, record: Recorder): Promise<void> {
  const { name, sizes, batch, points, prunings, least } = net;
  const field = mlp({ dim: sizes[0]!, hidden: sizes.slice(1, -1), activation: 'sigmoid' });
  const params = flowOf(field).init(key(1), { backend });
  const x = tensor(points, { backend, shape: [batch, sizes[0]!] });
  const time = async (title: string, ways: readonly Way[]): Promise<void> => {
    record.progress(title);
    const nfe = new Map<Way, readonly [number, number]>();
    const timings = await measureInTurn(
      ways.map((way) => async () => nfe.set(way, await step(way, x))),
      { budget: record.budget * ways.length, least },
    );
    ways.forEach((way, i) => {
      const { ms, spread } = timings[i]!;
      const row = { case: title, op: 'step', implementation: `${path} ${way.name}`, threads: 1, ms, spread };
      const slower = ways.slice(0, Math.min(i, 2)).map((other, j) => [other.name, timings[j]!.ms / ms] as const);
      const speedups = slower.length > 0 && { speedups: Object.fromEntries(slower) };
      record.row({ ...row, gflops: null, shareOfPeak: null, nfe: nfe.get(way)!, ...speedups });
    });
  };

  const whole: Way = { name: 'not pruned', flow: flowOf(field), params, masks: {} };
  for (const { pruner, ratios } of prunings)
    for (const ratio of ratios) {
      const { neurons } = field;
      const reachable = { deadNeurons: 'remove', unreachable: 'nearest', minKept: 0 } as const;
      const round = await prune(params, undefined, pruner, { keep: 1 - ratio, neurons, ...reachable });
      const small = await shrink(field, round.params, round.masks);
      const masked: Way = { ...whole, name: 'masked', params: round.params, masks: round.masks };
      const { take, expand } = small;
      const smaller: Way = { ...masked, name: 'smaller', flow: flowOf(small.model), take, expand };
      const sparse = sparseMasks(small.masks);
      const takeSparse = (full: Params): Params => scope(() => sparsify(take(full), sparse));
      const ways = [whole, masked, smaller, { ...smaller, name: 'smaller and sparse', take: takeSparse }];
      const kind = pruner.target === 'neurons' ? 'structured' : 'unstructured';
      await time(`${name}, ${kind} ${100 * ratio} %`, ways.slice(0, Object.keys(sparse).length > 0 ? 4 : 3));
      small.dispose();
      disposeTree([round.params, round.masks]);
    }
  disposeTree([params, x]);
}

function flowOf(field: Field): Cnf {
  return cnf({ field, rtol: TOLERANCE, atol: TOLERANCE, adjoint: backsolve({ seminorm: true }) });
}

/** How a step is computed: full parameters, and what is made of them and of the gradients on the way. */
interface Way {
  readonly name: string;
  readonly flow: Cnf;
  readonly params: Params;
  readonly masks: Masks;
  readonly take?: (full: Params) => Params;
  readonly expand?: (grads: Params) => Params;
}

/** One whole step from a fresh state, whose result is forgotten, so that all steps do the same work. */
async function step({ flow, params, masks, take, expand }: Way, x: Tensor): Promise<readonly [number, number]> {
  const optimizer = adamW({ learningRate: 1e-3, weightDecay: 1e-5 });
  const small = take?.(params);
  const { loss, grads, stats } = await flow.lossAndGrad(small ?? params, x, {
    divergence: hutchinson({ noise: 'gaussian' }),
    key: key(2),
  });
  if (!Number.isFinite((await loss.data())[0]!)) throw new Error('the loss is not finite');
  scope(() => {
    optimizer.update(expand ? expand(grads) : grads, optimizer.init(params), params, { masks });
    return [];
  });
  disposeTree([loss, grads, small ?? {}]);
  return [stats.nfe, stats.nfeBackward];
}
