import { createTfjsBackend, type TfjsBackend } from '@sparseflow/backend-tfjs';
import { CASES, flops, problemOf } from '../cases.ts';
import { countDispatches, deviceOf } from '../dispatches.ts';
import { prepareDualPass } from '../implementations/dualPass.ts';
import { measureInTurn } from '../measure.ts';
import { disagreement } from './kernels.ts';
import type { Recorder } from './suite.ts';

/** The fused kernels of WebGPU beside the decomposition into TensorFlow.js's, in turn, and how many kernels each is. */
export async function webgpu(record: Recorder): Promise<void> {
  let fused: TfjsBackend;
  try {
    fused = await createTfjsBackend('webgpu');
  } catch (error) {
    return record.note(`WebGPU is not measured: ${(error as Error).message}`);
  }
  record.note(`adapter: ${adapterOf(fused)}`);
  const implementations = [
    { name: 'fused', backend: fused },
    { name: 'decomposed', backend: { ...fused, fused: {} } },
  ];
  for (const problem of CASES.filter(({ name }) => record.wanted(name)).map(problemOf)) {
    const prepared = implementations.map(({ backend }) => prepareDualPass(backend, problem));
    // Also compiles the shaders, and packs the weights.
    const [ours, theirs] = [await prepared[0]!.read(), await prepared[1]!.read()];
    for (const op of ['forward', 'vjp'] as const) {
      record.progress(`${problem.name} ${op}: WebGPU, fused and decomposed`);
      const error = disagreement(ours[op], theirs[op]);
      if (!(error < 1e-3)) throw new Error(`fused and decomposed are ${error.toExponential(1)} apart`);
      const dispatches: number[] = [];
      for (const each of prepared) dispatches.push(await countDispatches(fused, () => each[op]()));
      const timings = await measureInTurn(
        prepared.map((each) => () => each[op]()),
        { budget: 2 * record.budget },
      );
      timings.forEach(({ ms, spread }, i) =>
        record.row({
          case: problem.name,
          op,
          implementation: `webgpu, ${implementations[i]!.name}`,
          threads: 1,
          ms,
          spread,
          gflops: flops(problem, op) / ms / 1e6,
          shareOfPeak: null,
          ...(i === 0 && { speedups: { decomposed: timings[1]!.ms / ms } }),
          note: `dispatches: ${dispatches[i]}`,
        }),
      );
    }
    for (const each of prepared) each.dispose();
  }
}

/** What computes, as the driver calls it. */
function adapterOf(backend: TfjsBackend): string {
  const { adapterInfo } = deviceOf(backend) as GPUDevice & { readonly adapterInfo: GPUAdapterInfo };
  const { vendor, architecture, device, description } = adapterInfo;
  return [vendor, architecture, device, description].filter(Boolean).join(', ') || 'unknown';
}
