import { describe } from 'vitest';
import { createTfjsBackend } from '../src/index.ts';
import { registerBackendTests } from './registerBackendTests.ts';

describe('tfjs webgl in a browser', () =>
  registerBackendTests('webgl', () => createTfjsBackend('webgl'), { order: 1 }));
