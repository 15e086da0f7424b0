import plain from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm?url';
import simd from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm?url';
import threaded from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-threaded-simd.wasm?url';
import { describe } from 'vitest';
import { createTfjsBackend } from '../src/index.ts';
import { registerBackendTests } from './registerBackendTests.ts';

describe('tfjs wasm in a browser', () =>
  registerBackendTests('wasm', () =>
    createTfjsBackend('wasm', {
      wasmPaths: {
        'tfjs-backend-wasm.wasm': plain,
        'tfjs-backend-wasm-simd.wasm': simd,
        'tfjs-backend-wasm-threaded-simd.wasm': threaded,
      },
    }),
  ));
