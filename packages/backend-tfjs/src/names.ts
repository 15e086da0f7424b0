/** The TensorFlow.js backends that can be used, by the names this package gives them. */
export const TFJS_BACKEND_NAMES = ['cpu', 'wasm', 'webgl', 'webgpu', 'node-gpu'] as const;

/** One of {@link TFJS_BACKEND_NAMES}. */
export type TfjsBackendName = (typeof TFJS_BACKEND_NAMES)[number];
