export {
  createCpuBackend,
  describeCpu,
  type CpuBackend,
  type CpuBackendOptions,
  type CpuDescription,
  type CpuPath,
  type InstructionSet,
} from './create.ts';
