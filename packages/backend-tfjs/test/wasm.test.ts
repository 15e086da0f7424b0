import { describe } from 'vitest';
import { createTfjsBackend } from '../src/index.ts';
import { registerBackendTests } from './registerBackendTests.ts';

describe('tfjs wasm in Node', () => registerBackendTests('wasm', () => createTfjsBackend('wasm')));
