import { describeMachine, describeVersions } from './machine.ts';
import type { PlannedPoint } from './plan.ts';
import type { Point, Result } from './results/schema.ts';
import type { Outcome } from './run/executor.ts';
import type { Budget, Protocol, Study } from './study.ts';

/** The row of a point in result.json. */
export function pointOf(
  { address, config, pruneRatio }: PlannedPoint,
  outcome: Exclude<Outcome, { status: 'stopped' }>,
): Point {
  const { method, keepRatio, round, seed } = config;
  const identity = { method, pruneRatio, keepRatio };
  const { seconds } = outcome;
  if (outcome.status === 'diverged') {
    const { parameters, epochs, reason } = outcome;
    const nothing = { trainNll: null, validationNll: null, testNll: null, nfeForward: null, nfeBackward: null };
    return { ...identity, parameters, round, seed, epochs, ...nothing, seconds, status: 'diverged', reason, address };
  }
  const { parameters, epochs, trainNll, validationNll, testNll, nfeForward, nfeBackward } = outcome.measured;
  return {
    ...identity,
    parameters,
    round,
    seed,
    epochs,
    trainNll,
    validationNll,
    testNll,
    nfeForward,
    nfeBackward,
    seconds,
    status: 'ok',
    address,
  };
}

/** What decided a study's numbers, in words, for readers of its report. */
function describeSettings(study: Study, budget: Budget, points: readonly PlannedPoint[]): Result['settings'] {
  const { net, solver, optimiser } = study;
  const plan = study.budgets[budget];
  const { data } = plan;
  const { training } = points[0]!.config;
  const percentHeld = Math.round(data.validationShare * 100);
  return {
    data: `${data.name}, ${data.trainPerComponent} training and ${data.testPerComponent} test points per component, ${percentHeld} % of the training points held out`,
    net: `multilayer perceptron without time, ${net.layers} linear layers, ${net.hidden} hidden units, ${net.activation}; Hutchinson trace with Gaussian noise in training, exact trace in evaluation`,
    solver: `${solver.method}, rtol ${solver.rtol.toExponential()}, atol ${solver.atol.toExponential()}, ${solver.adjoint === 'backsolve' ? 'adjoint by backsolve' : 'adjoint by checkpointing'}`,
    optimiser: `AdamW, learning rate ${optimiser.learningRate}, weight decay ${optimiser.weightDecay.toExponential()}, started afresh in every round`,
    training:
      training.patience === null
        ? `${training.epochs} epochs a round in batches of ${training.batch}`
        : `until the validation NLL has not improved for ${training.patience} epochs, at most ${training.epochs} epochs a round, in batches of ${training.batch}`,
  };
}

/** Assembles result.json. `points` are in the order of the plan, whatever order they were computed in. */
export function buildResult(
  study: Study,
  options: { readonly budget: Budget; readonly protocol: Protocol; readonly backend: string; readonly seeds: number },
  planned: readonly PlannedPoint[],
  points: readonly Point[],
  run: Result['run'],
): Result {
  return {
    schema: 1,
    study: study.name,
    title: study.title,
    about: study.about,
    remarks: [...study.remarks],
    budget: options.budget,
    protocol: options.protocol,
    backend: options.backend,
    seed: 0,
    seeds: Array.from({ length: options.seeds }, (_, seed) => seed),
    seconds: points.reduce((sum, { seconds }) => sum + seconds, 0),
    machine: describeMachine(),
    versions: describeVersions(),
    run,
    settings: describeSettings(study, options.budget, planned),
    points: [...points],
    paper: study.references.map((reference) => ({ ...reference })),
  };
}
