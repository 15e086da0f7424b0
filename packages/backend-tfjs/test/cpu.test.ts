import { describe } from 'vitest';
import { createTfjsBackend } from '../src/index.ts';
import { registerBackendTests } from './registerBackendTests.ts';

describe('tfjs cpu in Node', () => registerBackendTests('cpu', () => createTfjsBackend('cpu')));
