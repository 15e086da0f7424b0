import { cnf, mlp, multiscaleFlow, stackedFlow } from '@sparseflow/cnf';
import type { Cnf, Field, Flow, MultiscaleFlowOptions, StackedFlowOptions } from '@sparseflow/cnf';
import { generateToy, toyDataset } from '@sparseflow/datasets';
import type { Dataset } from '@sparseflow/datasets';
import { backsolve, checkpoint, dopri5, euler, rk4 } from '@sparseflow/ode-solvers';
import { fold, key } from '@sparseflow/tensor';
import type { Key } from '@sparseflow/tensor';
import type { PointConfig } from '../plan.ts';
import type { MlpNet, Net, ToyData } from '../study.ts';
import { isMlp } from '../study.ts';

/**
 * All randomness of a point. Methods of one seed share everything that can be shared (data, initialisation, and in each round the order
 * of the batches and the noise of the trace estimate), so that their differences are those of the method.
 */
export interface Keys {
  readonly data: Key;
  readonly init: Key;
  readonly prune: Key;
  readonly train: Key;
  readonly samples: Key;
  readonly analysis: Key;
}

export function keysOf({ seed, round }: Pick<PointConfig, 'seed' | 'round'>): Keys {
  const root = key(seed);
  return {
    data: fold(root, 0),
    init: fold(root, 1),
    prune: fold(fold(root, 2), round),
    train: fold(fold(root, 3), round),
    samples: fold(root, 4),
    analysis: fold(root, 5),
  };
}

/** The toy data of a point; the same for all methods and rounds of a seed. */
export function toyDataOf(config: PointConfig): Dataset {
  const { name, trainPerComponent, testPerComponent, validationShare } = config.data as ToyData;
  return generateToy(toyDataset(name), keysOf(config).data, {
    trainPerMode: trainPerComponent,
    testPerMode: testPerComponent,
    validationShare,
  });
}

const fixedStep = { rk4, euler } as const;

/** A point's solver and adjoint, as the options of flows and classifiers. */
export function solverOf({ solver }: PointConfig) {
  return {
    ...(solver.method === 'dopri5'
      ? { solver: dopri5, rtol: solver.rtol, atol: solver.atol }
      : { solver: fixedStep[solver.method], steps: solver.steps }),
    // The paper's adjoint controls its steps by the state and its adjoint only, not by the gradient of the parameters.
    adjoint: solver.adjoint === 'backsolve' ? backsolve({ seminorm: true }) : checkpoint(),
  };
}

/** The flow of a point with an MLP field: of the plane, without time, integrated from 0 to 1. */
export function planarFlowOf(config: PointConfig): Cnf {
  return cnf({ field: fieldOf(config.net), ...solverOf(config) });
}

/** The flow of a point. */
export function flowOf(config: PointConfig): Flow {
  const { net } = config;
  if (isMlp(net)) return planarFlowOf(config);
  const { kind, ...shape } = net;
  const options = { ...shape, ...solverOf(config) };
  return kind === 'stacked'
    ? stackedFlow(options as StackedFlowOptions)
    : multiscaleFlow(options as MultiscaleFlowOptions);
}

/** The vector field of a net of the plane. */
export function fieldOf(net: Net): Field {
  const { layers, hidden, activation } = net as MlpNet;
  return mlp({ dim: 2, hidden: new Array<number>(layers - 1).fill(hidden), activation });
}
