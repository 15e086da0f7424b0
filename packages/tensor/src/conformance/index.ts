export type { ConformanceCase, RunOptions } from './case.ts';
export { conformanceCases } from './cases.ts';
export { ConformanceError, defaultTolerances, type Tolerance } from './compare.ts';
export {
  registerConformance,
  StaleExceptionError,
  type ConformanceException,
  type RegisterOptions,
  type TestRunner,
} from './register.ts';
export type { Order } from './spec.ts';
