import { describe } from 'vitest';
import { createTfjsBackend } from '../src/index.ts';
import { registerBackendTests } from './registerBackendTests.ts';

describe('tfjs webgpu in a browser', () => registerBackendTests('webgpu', () => createTfjsBackend('webgpu')));
