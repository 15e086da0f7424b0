export type { TfjsBackend } from './backend.ts';
export { createTfjsBackend, type TfjsBackendOptions } from './create.ts';
export { DeviceLostError } from './device-errors.ts';
export { fromTfjs, isTfjsBackend, toTfjs } from './interop.ts';
export { TFJS_BACKEND_NAMES, type TfjsBackendName } from './names.ts';
export { installNodeWebGpu, type NodeWebGpuOptions } from './node-webgpu.ts';
export { tfjsSupport, type TfjsSupport } from './support.ts';
