import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Cnf, Flow } from '@sparseflow/cnf';
import { sparsityReport } from '@sparseflow/pruning';
import { disposeTree } from '@sparseflow/tensor';
import type { PointConfig } from '../plan.ts';
import type { Job, Outcome } from '../run/executor.ts';
import type { MultiscaleNet } from '../study.ts';
import type { Findings, Subject } from './analyses/analyse.ts';
import { curvature } from './analyses/curvature.ts';
import { imageQuality } from './analyses/imageQuality.ts';
import { sampleQuality } from './analyses/sampleQuality.ts';
import { vectorField } from './analyses/vectorField.ts';
import type { ConcreteBackendName } from './backends.ts';
import { openBackend } from './backends.ts';
import { findTrained } from './checkpoints.ts';
import { divergenceReason } from './divergence.ts';
import { flowOf, keysOf } from './model.ts';
import { openData } from './openData.ts';
import type { PointData } from './pointData.ts';
import type { PrunedFlow } from './prunedFlow.ts';
import { prunedFlow } from './prunedFlow.ts';
import type { TrainHooks } from './trainPoint.ts';

/** What an analysis does, of flows of the plane or of images. */
function analyse(
  subject: Omit<Subject, 'flow' | 'data'> & { readonly flow: Flow; readonly data: PointData },
  { analysis, net }: PointConfig,
): Promise<Findings> {
  const planar = (): Subject => ({ ...subject, flow: subject.flow as Cnf, data: subject.data.whole! });
  switch (analysis!.kind) {
    case 'curvature':
      return curvature(planar(), analysis!);
    case 'sample-quality':
      return sampleQuality(planar(), analysis!);
    case 'vector-field':
      return vectorField(planar(), analysis!);
    case 'image-quality':
      return imageQuality(subject, analysis!, (net as MultiscaleNet).shape);
  }
}

/**
 * Computes one analysis of a trained model.
 *
 * @returns `diverged`, with the reason, when the solver breaks down; any other failure is thrown.
 */
export async function analysePoint(job: Job, hooks: TrainHooks): Promise<Outcome> {
  const { checkpoints, fresh } = job;
  const { config, address, label } = job.planned;
  const backend = await openBackend(config.backend as ConcreteBackendName, job.threads);
  const started = performance.now();
  const trained = findTrained(checkpoints, config.parent!, backend, (path, reason) =>
    hooks.onWarning(`${path} cannot be used and is left alone: ${reason}`),
  ).value;
  if (trained === undefined) {
    throw new Error(`${label}: the checkpoint ${config.parent} that it looks at is missing from ${checkpoints}`);
  }
  const { params, masks, record } = trained;
  const statePath = join(checkpoints, `${address}.analysis`);
  if (fresh) rmSync(statePath, { force: true });
  const stop = new AbortController();
  const { size } = await sparsityReport(params, masks);
  const common = { parameters: size, epochs: record.epochs };
  const seconds = (): number => Math.round(performance.now() - started) / 1000;
  let executed: PrunedFlow | undefined;
  let data: PointData | undefined;
  try {
    data = await openData(config, job.dataDir);
    executed = await prunedFlow(flowOf(config), trained);
    const findings = await analyse(
      {
        flow: executed.flow,
        params,
        masks,
        data,
        key: keysOf(config).analysis,
        backend,
        extent: config.draw!.extent,
        statePath,
        signal: stop.signal,
        step(done, total) {
          if (hooks.shouldStop()) stop.abort();
          stop.signal.throwIfAborted();
          hooks.onProgress({
            phase: 'analyse',
            epoch: done,
            epochs: total,
            loss: NaN,
            nfeForward: record.nfeForward,
            nfeBackward: record.nfeBackward,
          });
        },
      },
      config,
    );
    rmSync(statePath, { force: true });
    const unusable = Object.entries(findings.quantities).find(([, { value }]) => !Number.isFinite(value));
    if (unusable !== undefined) {
      const reason = `the quantity '${unusable[0]}' is ${unusable[1].value}`;
      return { status: 'diverged', reason, ...common, seconds: seconds() };
    }
    return { status: 'analysed', ...common, ...findings, seconds: seconds() };
  } catch (error) {
    if (stop.signal.aborted) return { status: 'stopped' };
    const reason = divergenceReason(error);
    if (reason === undefined) throw error;
    rmSync(statePath, { force: true });
    return { status: 'diverged', reason, ...common, seconds: seconds() };
  } finally {
    await data?.close();
    executed?.dispose();
    disposeTree([params, masks]);
  }
}
