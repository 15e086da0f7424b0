export {
  createCpuBackend,
  describeCpu,
  type CpuBackend,
  type CpuBackendOptions,
  type CpuDescription,
  type CpuPath,
  type InstructionSet,
} from './create.ts';
export { measurePeak } from './peak.ts';
export { layoutOf, sparseMasks, sparsify, type SparsifyOptions, type WeightLayout } from './sparse.ts';
